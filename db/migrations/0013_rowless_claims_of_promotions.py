from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [('models', '0012_sums')]

    initial = False

    operations = [
        # imported claims count there too, not only those of deleted codes
        ops.RenameField(model_name='Promotion', old_name='deleted_claim_count', new_name='rowless_claim_count'),
    ]
