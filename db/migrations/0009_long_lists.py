from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('models', '0008_keys')]

    initial = False

    operations = [
        ops.AddIndex(
            model_name='Promotion',
            index=Index(fields=['organization_id', 'position', 'number'], name='promotion_position'),
        ),
    ]
