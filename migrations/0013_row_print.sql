-- A keyed digest of the user's row as Graph wrote it, and what of the row a run
-- counts: when the row comes again byte by byte it is not decoded. NULL: none.
ALTER TABLE user ADD COLUMN row_print BLOB;
