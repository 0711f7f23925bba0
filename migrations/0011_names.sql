-- The words that people are and were called by, to find them by parts of their
-- names: folded to letters and digits in lower case and without accents. Made
-- from user_version, for reading only. Not history.
CREATE TABLE name_word (
  word    TEXT NOT NULL,
  user_id INTEGER NOT NULL,
  PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;

-- By which rule the words were made: one row, once all names are there.
CREATE TABLE name_index (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  rule INTEGER NOT NULL
) STRICT;
