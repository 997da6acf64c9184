from typing import Any

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# The one vendor that told of referrers kept them among its own particulars.
FILL = {
    "sqlite": """UPDATE customer SET brought_by_id = json_extract(particulars, '$.lancero.referredBy')
        WHERE particulars LIKE '%"referredBy":%'""",
    "postgres": """UPDATE customer SET brought_by_id = (particulars::json #>> '{lancero,referredBy}')::bigint
        WHERE particulars LIKE '%"referredBy":%'""",
}


async def fill(apps: Any, editor: Any) -> None:
    await editor.client.execute_script(FILL[editor.client.capabilities.dialect])


class Migration(migrations.Migration):
    dependencies = [('models', '0003_jobs')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Customer',
            name='brought_by_id',
            field=fields.BigIntField(null=True),
        ),
        ops.RunPython(fill, ops.RunPython.noop),
        # Of the few who were brought by somebody alone, which Tortoise has no word for.
        ops.RunSQL(
            'CREATE INDEX customer_brought_by ON customer (brought_by_id, joined_at, id) WHERE brought_by_id IS NOT NULL',
            'DROP INDEX customer_brought_by',
        ),
    ]
