"""Database models, one a table; docs/glossary.md explains the nouns.

Accounts, organizations and keys are global. All other tables have the organization's id, and none of their unique or
foreign keys crosses organizations, so a big store can be sharded by organization. Money is in minor units, as whole
numbers; instants are aware and in UTC. A `deleted_…` column is the share of claims without a row in the counter beside
it: counters never shrink by deleting, and still balance with the rows.

The first line of a class's docstring becomes the table's comment, where Tortoise 1.1 takes a semicolon or a
backquote for the statement's end: use neither there.
"""

from tortoise import fields
from tortoise.fields import NO_ACTION
from tortoise.indexes import Index
from tortoise.models import Model

from db.enums import DeliveryStatus, DiscountKind, JobStatus, KeyKind, UsageLevel
from db.fields import JsonText

DEFAULT_REFERENCE = "default"
"""The reference of each organization's first promotion, which can't be deleted."""


class Account(Model):
    """Who owns organizations. Its number is LP Motor's X-Api-User-Id."""

    id = fields.BigIntField(primary_key=True)
    number = fields.IntField(unique=True)
    last_promotion_number = fields.IntField(default=0)
    created_at = fields.DatetimeField()


class Organization(Model):
    """Where codes live. A code's text is unique here."""

    id = fields.BigIntField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", db_index=True)
    account_id: int
    number = fields.IntField(unique=True)
    identifier = fields.CharField(64, unique=True)
    name = fields.CharField(200)
    time_zone = fields.CharField(64)
    currency = fields.CharField(3)
    page_secret = fields.CharField(64)  # signs the addresses of its codes' pages
    created_at = fields.DatetimeField()


class ApiKey(Model):
    """A credential, of which only the hash is kept.

    An ACCOUNT key names no organization: it reaches all of its account's.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharEnumField(KeyKind, max_length=16)
    value_hash = fields.CharField(64, unique=True)
    hint = fields.CharField(8)  # the last characters, to tell keys apart in a list
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField("models.Account", db_index=True)
    account_id: int
    organization: fields.ForeignKeyNullableRelation[Organization] = fields.ForeignKeyField(
        "models.Organization", null=True, db_index=True
    )
    organization_id: int | None
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)


class Location(Model):
    """Where a code may be used."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    number = fields.IntField()
    name = fields.CharField(200)
    is_default = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "number"),)


class Product(Model):
    """For what a code may be used."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    number = fields.IntField()
    title = fields.CharField(200)
    created_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "number"),)


class Promotion(Model):
    """The rule: discount, window, limits.

    Its row is the lock of its codes and claims: a transaction that changes them locks it first.
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    number = fields.IntField()
    reference = fields.CharField(200)
    identifier = fields.CharField(64)
    name = fields.CharField(200)
    is_enabled = fields.BooleanField(default=True)
    position = fields.IntField(default=0)
    discount_kind = fields.CharEnumField(DiscountKind, max_length=16, default=DiscountKind.NONE)
    discount_value = fields.BigIntField(default=0)  # ten-thousandths of a percent, or minor units
    currency = fields.CharField(3, null=True)  # of every amount in this row; null: it holds none
    minimum_order = fields.BigIntField(null=True)
    maximum_discount = fields.BigIntField(null=True)
    starts_at = fields.DatetimeField(null=True)
    ends_at = fields.DatetimeField(null=True)
    per_promotion = fields.IntField(null=True)
    per_code = fields.IntField(null=True)
    per_customer = fields.IntField(null=True)
    per_customer_and_code = fields.IntField(null=True)
    code_lifetime_days = fields.IntField(null=True)
    claim_count = fields.BigIntField(default=0)
    rowless_claim_count = fields.BigIntField(default=0)
    search_key = fields.TextField(null=True)  # name and reference, case-folded for searching; null where they are ASCII
    letter_subject = fields.CharField(500, null=True)  # its own template for its letters; null: the default one
    letter_body = fields.TextField(null=True)
    metadata = JsonText(default=dict)
    particulars = JsonText(default=dict)
    unfinished_job_id = fields.BigIntField(null=True)  # the job whose codes can't be claimed yet
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        unique_together = (
            ("organization", "reference"),
            ("organization", "number"),
            ("organization", "identifier"),
        )
        indexes = (
            Index(fields=("organization_id", "created_at", "id"), name="promotion_page"),
            Index(fields=("organization_id", "position", "number"), name="promotion_position"),
        )


class PromotionLocation(Model):
    """A promotion that is linked to locations may be used only there."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion: fields.ForeignKeyRelation[Promotion] = fields.ForeignKeyField("models.Promotion")
    promotion_id: int
    location: fields.ForeignKeyRelation[Location] = fields.ForeignKeyField(
        "models.Location", db_index=True, on_delete=NO_ACTION
    )
    location_id: int

    class Meta:
        unique_together = (("organization", "promotion", "location"),)
        indexes = (Index(fields=("promotion_id",), name="promotion_locations"),)


class Customer(Model):
    """A person, one e-mail an organization.

    joined_at is when they first acted themselves (signed up, claimed, activated); null while they are only named by
    others, as in a reservation. A deleted customer with claims stays as a row without e-mail and names.
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    email = fields.CharField(254, null=True)
    email_key = fields.CharField(320, null=True)
    first_name = fields.CharField(200, null=True)
    last_name = fields.CharField(200, null=True)
    email_folded = fields.TextField(null=True)  # case-folded for searching; null where they are ASCII
    first_name_folded = fields.TextField(null=True)
    last_name_folded = fields.TextField(null=True)
    joined_at = fields.DatetimeField(null=True)
    particulars = JsonText(default=dict)
    brought_by_id = fields.BigIntField(null=True)  # the customer who referred them, who may be deleted
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "email_key"),)
        indexes = (Index(fields=("organization_id", "created_at", "id"), name="customer_page"),)


class Code(Model):
    """A text that can be claimed: text as issued, text_key as matched (see resolvers/domain/code_format.py).

    rowless_claim_count is the number of counted claims without a row, which were made in another store; null is none.
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion: fields.ForeignKeyRelation[Promotion] = fields.ForeignKeyField("models.Promotion")
    promotion_id: int
    text = fields.CharField(200)
    text_key = fields.CharField(400)
    is_enabled = fields.BooleanField(default=True)
    starts_at = fields.DatetimeField(null=True)
    ends_at = fields.DatetimeField(null=True)
    allowed_claims = fields.IntField(null=True)
    claim_count = fields.BigIntField(default=0)
    rowless_claim_count = fields.BigIntField(null=True)
    reserved_for: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", null=True, related_name="reservations", db_index=True, on_delete=NO_ACTION
    )
    reserved_for_id: int | None
    needs_activation = fields.BooleanField(default=False)
    activated_at = fields.DatetimeField(null=True)
    activated_by: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", null=True, related_name="activations", db_index=True, on_delete=NO_ACTION
    )
    activated_by_id: int | None
    activated_location: fields.ForeignKeyNullableRelation[Location] = fields.ForeignKeyField(
        "models.Location", null=True, on_delete=NO_ACTION
    )
    activated_location_id: int | None
    activated_product: fields.ForeignKeyNullableRelation[Product] = fields.ForeignKeyField(
        "models.Product", null=True, on_delete=NO_ACTION
    )
    activated_product_id: int | None
    off_peak = fields.BooleanField(default=False)
    metadata = JsonText(default=dict)
    job_id = fields.BigIntField(null=True)  # of the job that made it
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "text_key"),)
        indexes = (
            Index(fields=("organization_id", "created_at", "id"), name="code_page"),
            Index(fields=("promotion_id", "created_at", "id"), name="code_page_of_promotion"),
        )


class Job(Model):
    """Codes that are made in the background, and become claimable together when all are there.

    It has the columns that its codes have in common. promotion_id and reserved_for_id are no foreign keys: a job
    outlives both. Texts are drawn in runs: run_seed is the seed of the present one, run_size its length, and drawn the
    length of all runs so far. worker is the process that has leased it, until leased_until (db/leases.py).
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion_id = fields.BigIntField()
    style = fields.CharField(16)
    pattern = fields.CharField(100, null=True)
    prefix = fields.CharField(100)
    starts_at = fields.DatetimeField(null=True)
    ends_at = fields.DatetimeField(null=True)
    allowed_claims = fields.IntField(null=True)
    reserved_for_id = fields.BigIntField(null=True)
    needs_activation = fields.BooleanField()
    metadata = JsonText(default=dict)
    status = fields.CharEnumField(JobStatus, max_length=8, default=JobStatus.RUNNING)
    total = fields.IntField()
    done = fields.IntField(default=0)
    error = fields.CharField(1000, null=True)
    run_seed = fields.CharField(64, null=True)
    run_size = fields.IntField(default=0)
    drawn = fields.BigIntField(default=0)
    worker = fields.CharField(64, null=True)
    leased_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        indexes = (
            Index(fields=("organization_id", "created_at", "id"), name="job_page"),
            Index(fields=("finished_at", "id"), name="job_unfinished"),
        )


class Claim(Model):
    """One customer's use of one code, with the order it went into and what it took off.

    order_key is the order's reference while the claim stands and null once it is released, so that a code
    has one standing claim an order. exchange_key is the hash of a token that exchange.token takes once.
    organization and promotion are the code's, which is why PostgreSQL isn't asked whether they are there (0006_ties).
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion: fields.ForeignKeyRelation[Promotion] = fields.ForeignKeyField("models.Promotion")
    promotion_id: int
    code: fields.ForeignKeyRelation[Code] = fields.ForeignKeyField("models.Code")
    code_id: int
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField("models.Customer", on_delete=NO_ACTION)
    customer_id: int
    location: fields.ForeignKeyNullableRelation[Location] = fields.ForeignKeyField(
        "models.Location", null=True, on_delete=NO_ACTION
    )
    location_id: int | None
    order_reference = fields.CharField(200, null=True)
    order_key = fields.CharField(200, null=True)
    order_total = fields.BigIntField(null=True)
    order_quantity = fields.IntField(null=True)
    currency = fields.CharField(3, null=True)  # of the order; null: it has no total
    discount = fields.BigIntField(null=True)
    discount_kind = fields.CharEnumField(DiscountKind, max_length=16)  # as the promotion was at that moment
    discount_value = fields.BigIntField()
    released_at = fields.DatetimeField(null=True)
    release_reason = fields.CharField(1000, null=True)
    exchange_key = fields.CharField(64, null=True)
    exchange_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "code", "order_key"),)
        indexes = (
            Index(fields=("organization_id", "created_at", "id"), name="claim_page"),
            Index(fields=("promotion_id", "created_at", "id"), name="claim_page_of_promotion"),
            Index(fields=("code_id", "created_at", "id"), name="claim_page_of_code"),
            Index(fields=("customer_id", "created_at", "id"), name="claim_page_of_customer"),
            Index(fields=("organization_id", "order_reference"), name="claim_order"),
            Index(fields=("organization_id", "exchange_key"), name="claim_exchange"),
        )


class UsageStat(Model):
    """What standing and deleted claims amount to, an hour or a day of the organization's zone at a time.

    promotion_id is no foreign key: the sums outlive their promotion. currency is empty for claims
    without an order total. A sum of money is `…_total_high` times usage.HIGH_UNIT and `…_total`, as one column can't
    hold the sum of nine thousand of the largest orders.
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion_id = fields.BigIntField()
    level = fields.CharEnumField(UsageLevel, max_length=8)
    starts_at = fields.DatetimeField()
    currency = fields.CharField(3)
    claims = fields.BigIntField(default=0)
    order_total = fields.BigIntField(default=0)
    order_quantity = fields.BigIntField(default=0)
    discount_total = fields.BigIntField(default=0)
    deleted_claims = fields.BigIntField(default=0)
    deleted_order_total = fields.BigIntField(default=0)
    deleted_order_quantity = fields.BigIntField(default=0)
    deleted_discount_total = fields.BigIntField(default=0)
    order_total_high = fields.BigIntField(null=True)
    discount_total_high = fields.BigIntField(null=True)
    deleted_order_total_high = fields.BigIntField(null=True)
    deleted_discount_total_high = fields.BigIntField(null=True)

    class Meta:
        unique_together = (("organization", "promotion_id", "level", "starts_at", "currency"),)
        indexes = (Index(fields=("organization_id", "level", "starts_at"), name="usage_range"),)


class RefusalStat(Model):
    """How often claims were refused and why, with promotion_id 0 for an unknown code."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    promotion_id = fields.BigIntField()
    level = fields.CharEnumField(UsageLevel, max_length=8)
    starts_at = fields.DatetimeField()
    currency = fields.CharField(3)
    reason = fields.CharField(32)
    count = fields.BigIntField(default=0)

    class Meta:
        unique_together = (("organization", "promotion_id", "level", "starts_at", "currency", "reason"),)
        indexes = (Index(fields=("organization_id", "level", "starts_at"), name="refusal_range"),)


class Delivery(Model):
    """One letter to one recipient about one code.

    due_at is when it is to be sent, and null once nothing more is to be done. While it is SENDING, worker is the
    process that has leased it, until leased_until (db/leases.py): columns without an index, as they are renewed often.
    """

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    code: fields.ForeignKeyRelation[Code] = fields.ForeignKeyField("models.Code")
    code_id: int
    recipient = fields.CharField(254)
    recipient_key = fields.CharField(320)
    first_name = fields.CharField(200, null=True)
    last_name = fields.CharField(200, null=True)
    message = fields.TextField(null=True)
    status = fields.CharEnumField(DeliveryStatus, max_length=8, default=DeliveryStatus.QUEUED)
    attempts = fields.IntField(default=0)
    last_error = fields.CharField(1000, null=True)
    due_at = fields.DatetimeField(null=True)
    worker = fields.CharField(64, null=True)
    leased_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)

    class Meta:
        indexes = (
            Index(fields=("due_at", "id"), name="delivery_due"),
            Index(fields=("organization_id", "created_at", "id"), name="delivery_page"),
            Index(fields=("organization_id", "status", "created_at", "id"), name="delivery_page_of_status"),
            Index(fields=("code_id", "recipient_key"), name="delivery_recipient"),
            Index(fields=("code_id", "created_at", "id"), name="delivery_page_of_code"),
        )


class Suppression(Model):
    """An address that an organization writes no letters to."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    email_key = fields.CharField(320)
    created_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "email_key"),)


class IdempotencyKey(Model):
    """What a call with this key answered, kept for a day."""

    id = fields.BigIntField(primary_key=True)
    organization: fields.ForeignKeyRelation[Organization] = fields.ForeignKeyField("models.Organization")
    organization_id: int
    value = fields.CharField(200)
    fingerprint = fields.CharField(64)
    answer = JsonText(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        unique_together = (("organization", "value"),)
        indexes = (Index(fields=("created_at",), name="idempotency_age"),)


class RateLimit(Model):
    """A counter of attempts in a window of time, which all processes take from. It is gone soon after its window.

    granted is the number of attempts taken last. until is the end of the window, in seconds by the database's clock.
    """

    id = fields.BigIntField(primary_key=True)
    organization_id = fields.BigIntField()
    name = fields.CharField(80)
    taken = fields.BigIntField()
    granted = fields.BigIntField()
    most = fields.BigIntField()
    until = fields.FloatField()

    class Meta:
        unique_together = (("organization_id", "name"),)
