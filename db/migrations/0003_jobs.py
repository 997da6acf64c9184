from tortoise import migrations
from tortoise.migrations import operations as ops
from db.enums import JobStatus
from db.fields import JsonText
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('models', '0002_letters')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Job',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('models.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.CASCADE)),
                ('promotion_id', fields.BigIntField()),
                ('style', fields.CharField(max_length=16)),
                ('pattern', fields.CharField(null=True, max_length=100)),
                ('prefix', fields.CharField(max_length=100)),
                ('starts_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('allowed_claims', fields.IntField(null=True)),
                ('reserved_for_id', fields.BigIntField(null=True)),
                ('needs_activation', fields.BooleanField()),
                ('metadata', JsonText(default=dict, unique=False)),
                ('status', fields.CharEnumField(default=JobStatus.RUNNING, description='RUNNING: RUNNING\nDONE: DONE\nFAILED: FAILED', enum_type=JobStatus, max_length=8)),
                ('total', fields.IntField()),
                ('done', fields.IntField(default=0)),
                ('error', fields.CharField(null=True, max_length=1000)),
                ('run_seed', fields.CharField(null=True, max_length=64)),
                ('run_size', fields.IntField(default=0)),
                ('drawn', fields.BigIntField(default=0)),
                ('worker', fields.CharField(null=True, max_length=64)),
                ('leased_until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finished_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'job', 'app': 'models', 'indexes': [Index(fields=['organization_id', 'created_at', 'id'], name='job_page'), Index(fields=['finished_at', 'id'], name='job_unfinished')], 'pk_attr': 'id', 'table_description': 'Codes that are made in the background, and become claimable together when all are there.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Code',
            name='job_id',
            field=fields.BigIntField(null=True),
        ),
        ops.AddField(
            model_name='Promotion',
            name='unfinished_job_id',
            field=fields.BigIntField(null=True),
        ),
    ]
