from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# A sum of money is in two columns, as a bucket of many large orders passes what one holds; null is none in the higher.
SUMS = ("order_total", "discount_total", "deleted_order_total", "deleted_discount_total")


class Migration(migrations.Migration):
    dependencies = [('models', '0011_search')]

    initial = False

    operations = [
        ops.AddField(model_name='UsageStat', name=f'{name}_high', field=fields.BigIntField(null=True)) for name in SUMS
    ]
