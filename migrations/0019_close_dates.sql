-- Dates of service plans that lie close together take a byte each. user_plans.packed
-- is then no multiple of four bytes long: the number n of exact dates; three times
-- four bytes, the beginnings of stretches; n times four bytes, the exact dates; and a
-- byte for each date: 64 times the stretch and the seconds in it, from 192 on the
-- number of the exact date, or 255 for none.
DROP VIEW service_plans;

-- Each user's service plans as assignedPlans showed them (to_run NULL: now).
-- assigned_at is Microsoft's date for the plan, not for a SKU.
CREATE VIEW service_plans AS
WITH slot AS ( -- the date of a plan by its number
  SELECT x.*, m.value ->> 0 AS plan, m.value ->> 1 AS status, m.value ->> 2 AS number,
    length(x.packed) % 4 <> 0 AS close, instr('123456789ABCDEF', substr(hex(substr(x.packed, 1, 1)), 1, 1)) * 16 +
      instr('123456789ABCDEF', substr(hex(substr(x.packed, 1, 1)), 2, 1)) AS exact
  FROM user_plans x JOIN plan_layout l ON l.id = x.layout_id JOIN json_each(l.members) m
), coded AS ( -- the byte that stands for it
  SELECT *, CASE close WHEN 1 THEN instr('123456789ABCDEF', substr(hex(substr(packed, 14 + 4 * exact + number, 1)), 1, 1)) * 16 +
      instr('123456789ABCDEF', substr(hex(substr(packed, 14 + 4 * exact + number, 1)), 2, 1)) END AS code
  FROM slot
), placed AS ( -- where its four bytes stand, and the seconds after them
  SELECT *, CASE WHEN close = 0 THEN 4 * number + 1 WHEN code < 192 THEN 2 + code / 64 * 4 WHEN code < 255 THEN 14 + (code - 192) * 4 END AS place,
    CASE WHEN code < 192 THEN code % 64 ELSE 0 END AS seconds
  FROM coded
)
SELECT u.user_id, u.upn, p.object_id AS plan_id, p.name AS plan_name, x.status,
  strftime('%Y-%m-%dT%H:%M:%SZ', CASE
    WHEN x.packed IS NULL THEN CASE x.number WHEN 0 THEN x.date_0 WHEN 1 THEN x.date_1 WHEN 2 THEN x.date_2
      ELSE json_extract(x.dates, '$[' || (x.number - 3) || ']') END / 1000
    WHEN substr(x.packed, x.place, 4) <> x'ffffffff' THEN
      (SELECT sum((instr('0123456789ABCDEF', substr(hex(substr(x.packed, x.place, 4)), digit.value, 1)) - 1) << (4 * (8 - digit.value)))
       FROM json_each('[1,2,3,4,5,6,7,8]') digit) + x.seconds
    END, 'unixepoch') AS assigned_at,
  x.from_run, x.to_run
FROM placed x
JOIN users u ON u.user_key = x.user_id
JOIN plan p ON p.id = x.plan;
