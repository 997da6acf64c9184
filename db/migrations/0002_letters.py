from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Suppression',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('models.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('email_key', fields.CharField(max_length=320)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'suppression', 'app': 'models', 'unique_together': (('organization', 'email_key'),), 'pk_attr': 'id', 'table_description': 'An address that an organization writes no letters to.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Delivery',
            name='due_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        # What was queued while nothing was sent yet is due since then.
        ops.RunSQL("UPDATE delivery SET due_at = created_at WHERE status = 'QUEUED'", reverse_sql=ops.RunSQL.noop),
        ops.AddIndex(
            model_name='Delivery',
            index=Index(fields=['due_at', 'id'], name='delivery_due'),
        ),
        ops.AddIndex(
            model_name='Delivery',
            index=Index(fields=['organization_id', 'status', 'created_at', 'id'], name='delivery_page_of_status'),
        ),
        ops.AddField(
            model_name='Promotion',
            name='letter_body',
            field=fields.TextField(null=True, unique=False),
        ),
        ops.AddField(
            model_name='Promotion',
            name='letter_subject',
            field=fields.CharField(null=True, max_length=500),
        ),
    ]
