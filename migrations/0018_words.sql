-- Nearly everybody has a combination of attributes of their own, made of texts that
-- many have. profile.more is from here on a JSON array: enabled (1, 0, null), type,
-- usage location, company, country, office, job title, employee type and creation
-- type, each as the number of its text here, as the text where one combination has
-- it, or 0 for none, and whether the account is synchronized (1). Objects that
-- earlier versions have written stay as they are.
CREATE TABLE attribute_word (
  id   INTEGER PRIMARY KEY CHECK (id > 0),
  text TEXT NOT NULL
) STRICT;
CREATE TRIGGER attribute_word_written_once BEFORE UPDATE ON attribute_word
BEGIN SELECT RAISE(ABORT, 'attribute_word is append-only'); END;
CREATE TRIGGER attribute_word_kept BEFORE DELETE ON attribute_word
BEGIN SELECT RAISE(ABORT, 'attribute_word is append-only'); END;

-- The combinations of attributes that users have or had.
CREATE VIEW profiles AS
SELECT p.id AS profile_key, p.department,
  CASE substr(p.more, 1, 1) WHEN '{' THEN p.more ->> '$.enabled' ELSE p.more ->> '$[0]' END AS enabled,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.type' WHEN json_type(p.more, '$[1]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[1]') ELSE p.more ->> '$[1]' END AS type,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.usage_location' WHEN json_type(p.more, '$[2]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[2]') ELSE p.more ->> '$[2]' END AS usage_location,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.company' WHEN json_type(p.more, '$[3]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[3]') ELSE p.more ->> '$[3]' END AS company,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.country' WHEN json_type(p.more, '$[4]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[4]') ELSE p.more ->> '$[4]' END AS country,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.office' WHEN json_type(p.more, '$[5]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[5]') ELSE p.more ->> '$[5]' END AS office,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.job_title' WHEN json_type(p.more, '$[6]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[6]') ELSE p.more ->> '$[6]' END AS job_title,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.employee_type' WHEN json_type(p.more, '$[7]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[7]') ELSE p.more ->> '$[7]' END AS employee_type,
  CASE WHEN substr(p.more, 1, 1) = '{' THEN p.more ->> '$.creation_type' WHEN json_type(p.more, '$[8]') = 'integer'
    THEN (SELECT w.text FROM attribute_word w WHERE w.id = p.more ->> '$[8]') ELSE p.more ->> '$[8]' END AS creation_type
FROM profile p;

DROP VIEW users;

-- Every user ever seen, as last seen.
CREATE VIEW users AS
SELECT u.id AS user_key,
  CASE typeof(u.object_id) WHEN 'text' THEN u.object_id ELSE
    lower(substr(hex(u.object_id), 1, 8) || '-' || substr(hex(u.object_id), 9, 4) || '-' ||
          substr(hex(u.object_id), 13, 4) || '-' || substr(hex(u.object_id), 17, 4) || '-' ||
          substr(hex(u.object_id), 21)) END AS user_id,
  v.upn, v.name, coalesce(v.mail, v.upn) AS mail, f.department, coalesce(v.presence, 'present') AS presence,
  strftime('%Y-%m-%dT%H:%M:%SZ', v.deleted_at / 1000, 'unixepoch') AS deleted_at,
  f.enabled, f.type, f.usage_location, f.company, f.country, f.job_title
FROM user u JOIN user_version v ON v.user_id = u.id AND v.to_run IS NULL JOIN profiles f ON f.profile_key = v.profile_id;
