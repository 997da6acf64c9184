from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('models', '0006_ties')]

    initial = False

    operations = [
        ops.CreateModel(
            name='RateLimit',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization_id', fields.BigIntField()),
                ('name', fields.CharField(max_length=80)),
                ('taken', fields.BigIntField()),
                ('granted', fields.BigIntField()),
                ('most', fields.BigIntField()),
                ('until', fields.FloatField()),
            ],
            options={'table': 'ratelimit', 'app': 'models', 'unique_together': (('organization_id', 'name'),), 'pk_attr': 'id', 'table_description': 'A counter of attempts in a window of time, which all processes take from. It is gone soon after its window.'},
            bases=['Model'],
        ),
    ]
