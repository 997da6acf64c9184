from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

# PostgreSQL looks up and locks what each written row refers to: a quarter of what writing a claim costs, and processes
# that lock one organization's row at once have to be noted there. A claim's organization and promotion are its code's,
# and who is written as a customer of an organization has just spoken for it. SQLite only looks, in no time.
TIES = (("claim", "organization_id"), ("claim", "promotion_id"), ("customer", "organization_id"))
CUT = "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{column}_fkey"
TIED = "ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fkey FOREIGN KEY ({column}) REFERENCES {other} (id) ON DELETE CASCADE"


async def cut(apps: Any, editor: Any) -> None:
    if editor.client.capabilities.dialect == "postgres":
        for table, column in TIES:
            await editor.client.execute_script(CUT.format(table=table, column=column))


async def tie(apps: Any, editor: Any) -> None:
    if editor.client.capabilities.dialect == "postgres":
        for table, column in TIES:
            other = column.removesuffix("_id")
            await editor.client.execute_script(TIED.format(table=table, column=column, other=other))


class Migration(migrations.Migration):
    dependencies = [('models', '0005_room')]

    initial = False

    operations = [
        ops.RunPython(cut, tie),
    ]
