from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('models', '0013_rowless_claims_of_promotions')]

    initial = False

    operations = [
        # Until now the lease of a letter ended at its due_at: one that is being sent meanwhile is due then, and nobody's.
        ops.AddField(
            model_name='Delivery',
            name='worker',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Delivery',
            name='leased_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
