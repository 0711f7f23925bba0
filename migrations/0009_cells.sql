-- What an erasure touched of a row: JSON, by cell the digest from before it, '' for
-- one that was not there. NULL: erased by a version that sealed whole rows only.
ALTER TABLE erased ADD COLUMN cells TEXT;
