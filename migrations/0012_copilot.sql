-- What the Copilot usage report shows of users, beside when they last used it.

INSERT INTO activity_kind (id, name) VALUES
  (14, 'copilot-chat'), (15, 'copilot-chat-work'), (16, 'copilot-chat-web'), (17, 'copilot-teams'), (18, 'copilot-word'),
  (19, 'copilot-excel'), (20, 'copilot-powerpoint'), (21, 'copilot-outlook'), (22, 'copilot-onenote'), (23, 'copilot-loop'),
  (24, 'copilot-app'), (25, 'copilot-edge'), (26, 'copilot-agent');

-- The counts of the report over its period, as the newest report read by then had
-- them. NULL: the report did not have the count.
CREATE TABLE copilot_count (
  user_id      INTEGER NOT NULL REFERENCES user,
  from_run     INTEGER NOT NULL REFERENCES run,
  to_run       INTEGER REFERENCES run,
  days         INTEGER NOT NULL,    -- the period
  prompts      INTEGER,
  prompts_work INTEGER,             -- in Copilot Chat, work
  prompts_web  INTEGER,             -- in Copilot Chat, web
  active_days  INTEGER,
  PRIMARY KEY (user_id, from_run)
) STRICT, WITHOUT ROWID;

-- What the Copilot usage report counted of users over its period (days), by run.
CREATE VIEW copilot_counts AS
SELECT u.user_id, u.upn, c.from_run, c.to_run, c.days, c.prompts, c.prompts_work, c.prompts_web, c.active_days
FROM copilot_count c
JOIN users u ON u.user_key = c.user_id;

CREATE TRIGGER copilot_count_written_once BEFORE UPDATE OF user_id, from_run, days, prompts, prompts_work, prompts_web, active_days ON copilot_count
BEGIN SELECT RAISE(ABORT, 'copilot_count is append-only'); END;
CREATE TRIGGER copilot_count_ended_once BEFORE UPDATE OF to_run ON copilot_count WHEN OLD.to_run IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'copilot_count is append-only'); END;
CREATE TRIGGER copilot_count_kept BEFORE DELETE ON copilot_count
BEGIN SELECT RAISE(ABORT, 'copilot_count is append-only'); END;
