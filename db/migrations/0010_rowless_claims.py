from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('models', '0009_long_lists')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Code',
            name='rowless_claim_count',
            field=fields.BigIntField(null=True),
        ),
    ]
