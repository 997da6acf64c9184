-- For engines that split tables by a column (docs/scaling.md): lets every key below the organization begin with it.
-- On a database that Tessera has migrated, run by its owner, once after each upgrade that brings tables. On plain PostgreSQL
-- it changes nothing that anybody can see, and Tessera's tests run on a database like that as well.

BEGIN;

CREATE TEMPORARY TABLE below ON COMMIT DROP AS
SELECT attrelid::regclass AS name FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE attname = 'organization_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace
  AND attrelid <> 'apikey'::regclass;  -- keys are global, like accounts and organizations

CREATE TEMPORARY TABLE link ON COMMIT DROP AS
SELECT conname, conrelid::regclass AS source, confrelid::regclass AS target, attname AS reference,
  CASE confdeltype WHEN 'c' THEN 'ON DELETE CASCADE' ELSE '' END AS deleting
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND cardinality(conkey) = 1
  AND conrelid IN (SELECT name FROM below) AND confrelid IN (SELECT name FROM below);

DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT * FROM link LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.source, one.conname);
  END LOOP;
  FOR one IN SELECT name, conname FROM below JOIN pg_constraint ON conrelid = name
             WHERE contype = 'p' AND cardinality(conkey) = 1 LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.name, one.conname);
    EXECUTE format('ALTER TABLE %s ADD PRIMARY KEY (organization_id, id)', one.name);
  END LOOP;
  FOR one IN SELECT * FROM link LOOP
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (organization_id, %I) REFERENCES %s (organization_id, id) %s',
                   one.source, one.conname, one.reference, one.target, one.deleting);
  END LOOP;
END $$;

COMMIT;
