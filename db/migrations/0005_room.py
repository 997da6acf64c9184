from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

# A code's row changes with each claim. PostgreSQL writes the new row beside the old one where the page has room, and
# else elsewhere, with an entry in each of the table's indexes. SQLite writes over the old one.
ROOM = "ALTER TABLE code SET (fillfactor = 85)"
NO_ROOM = "ALTER TABLE code RESET (fillfactor)"


async def leave_room(apps: Any, editor: Any) -> None:
    if editor.client.capabilities.dialect == "postgres":
        await editor.client.execute_script(ROOM)


async def leave_none(apps: Any, editor: Any) -> None:
    if editor.client.capabilities.dialect == "postgres":
        await editor.client.execute_script(NO_ROOM)


class Migration(migrations.Migration):
    dependencies = [('models', '0004_referrals')]

    initial = False

    operations = [
        ops.RunPython(leave_room, leave_none),
    ]
