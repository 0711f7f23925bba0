-- The documented views: plural names, Microsoft's ids, RFC 3339 times in UTC.

-- Every user ever seen, as last seen.
CREATE VIEW users AS
SELECT u.id AS user_key,
  CASE typeof(u.object_id) WHEN 'text' THEN u.object_id ELSE
    lower(substr(hex(u.object_id), 1, 8) || '-' || substr(hex(u.object_id), 9, 4) || '-' ||
          substr(hex(u.object_id), 13, 4) || '-' || substr(hex(u.object_id), 17, 4) || '-' ||
          substr(hex(u.object_id), 21)) END AS user_id,
  v.upn, v.name, coalesce(v.mail, v.upn) AS mail, f.department, coalesce(v.presence, 'present') AS presence,
  strftime('%Y-%m-%dT%H:%M:%SZ', v.deleted_at / 1000, 'unixepoch') AS deleted_at,
  f.more ->> '$.enabled' AS enabled, f.more ->> '$.type' AS type,
  f.more ->> '$.usage_location' AS usage_location, f.more ->> '$.company' AS company,
  f.more ->> '$.country' AS country, f.more ->> '$.job_title' AS job_title
FROM user u JOIN user_version v ON v.user_id = u.id AND v.to_run IS NULL JOIN profile f ON f.id = v.profile_id;

-- Every run, newest last.
CREATE VIEW runs AS
SELECT id AS run, status,
  strftime('%Y-%m-%dT%H:%M:%SZ', started_at / 1000, 'unixepoch') AS started_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', observed_at / 1000, 'unixepoch') AS observed_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', observed_until / 1000, 'unixepoch') AS observed_until,
  users, licensed_users, assignments, changes, requests, warnings, error, head
FROM run;

-- Every stretch of time for which a path's row said the same. from_run is the
-- first run that showed it, to_run the first that no longer did (NULL: now).
-- period counts the times the user held the SKU; it is NULL where the row
-- never was a license.
CREATE VIEW history AS
SELECT u.user_id, u.upn, u.name, s.object_id AS sku_id, s.part_number,
  CASE p.group_id WHEN 0 THEN 'direct' WHEN -1 THEN 'unknown' ELSE 'group' END AS path,
  g.object_id AS group_id,
  (SELECT v.name FROM group_version v WHERE v.group_id = p.group_id ORDER BY v.from_run DESC LIMIT 1) AS group_name,
  p.held, coalesce(p.state, 'Active') AS state, p.error,
  coalesce(d.members, '[]') AS disabled_plans,
  strftime('%Y-%m-%dT%H:%M:%SZ', p.state_at / 1000, 'unixepoch') AS graph_date,
  p.from_run, p.to_run, p.period, p.start_run, p.path_run
FROM path p
JOIN users u ON u.user_key = p.user_id
JOIN sku s ON s.id = p.sku_id
LEFT JOIN licensed_group g ON g.id = p.group_id
LEFT JOIN plan_set d ON d.id = p.disabled_id;

-- Who holds what now, by which path. first_seen is the end of the run that
-- first showed the current period; not_before is the start of the run before
-- it, NULL where the license was there when tracking began.
CREATE VIEW assignments AS
SELECT h.user_id, h.upn, h.name, h.sku_id, h.part_number, h.path, h.group_id, h.group_name,
  h.state, h.error, h.disabled_plans, h.graph_date, h.period,
  strftime('%Y-%m-%dT%H:%M:%SZ', b.observed_at / 1000, 'unixepoch') AS not_before,
  strftime('%Y-%m-%dT%H:%M:%SZ', r.observed_until / 1000, 'unixepoch') AS first_seen
FROM history h
JOIN run r ON r.id = h.start_run
LEFT JOIN run b ON b.id = r.previous_run
WHERE h.to_run IS NULL AND h.held = 1;

-- Every change with the newest word on its cause.
CREATE VIEW changes AS
SELECT c.id AS change_id, c.run_id AS run, c.kind, c.observed, u.user_id, u.upn,
  s.object_id AS sku_id, s.part_number,
  CASE c.group_id WHEN 0 THEN 'direct' WHEN -1 THEN 'unknown' ELSE iif(c.group_id IS NULL, NULL, 'group') END AS path,
  (SELECT g.object_id FROM licensed_group g WHERE g.id = c.group_id) AS group_id,
  CASE c.from_group_id WHEN 0 THEN 'direct' WHEN -1 THEN 'unknown' ELSE iif(c.from_group_id IS NULL, NULL, 'group') END AS from_path,
  strftime('%Y-%m-%dT%H:%M:%SZ', c.not_before / 1000, 'unixepoch') AS not_before,
  strftime('%Y-%m-%dT%H:%M:%SZ', c.not_after / 1000, 'unixepoch') AS not_after,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.at / 1000, 'unixepoch') AS exactly_at,
  coalesce(a.cause, 'unknown') AS cause, coalesce(a.initiator, 'unknown') AS initiator,
  a.confidence, a.unknown_why, a.reason, c.detail
FROM change c
LEFT JOIN users u ON u.user_key = c.user_id
LEFT JOIN sku s ON s.id = c.sku_id
LEFT JOIN attribution a ON a.change_id = c.id
  AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id);

-- What was bought and used, run by run (to_run NULL: now).
CREATE VIEW skus AS
SELECT s.object_id AS sku_id, v.part_number, v.status, v.enabled, v.warning, v.suspended,
  v.locked_out, v.consumed, v.assigned, v.consumed - v.assigned AS difference,
  v.from_run, v.to_run
FROM sku_version v JOIN sku s ON s.id = v.sku_id;

-- Each user's service plans as assignedPlans showed them (to_run NULL: now).
-- assigned_at is Microsoft's date for the plan, not for a SKU.
CREATE VIEW service_plans AS
SELECT u.user_id, u.upn, p.object_id AS plan_id, p.name AS plan_name, m.value ->> 1 AS status,
  strftime('%Y-%m-%dT%H:%M:%SZ', CASE m.value ->> 2 WHEN 0 THEN x.date_0 WHEN 1 THEN x.date_1 WHEN 2 THEN x.date_2
    ELSE json_extract(x.dates, '$[' || ((m.value ->> 2) - 3) || ']') END / 1000, 'unixepoch') AS assigned_at,
  x.from_run, x.to_run
FROM user_plans x
JOIN users u ON u.user_key = x.user_id
JOIN plan_layout l ON l.id = x.layout_id
JOIN json_each(l.members) m
JOIN plan p ON p.id = m.value ->> 0;
