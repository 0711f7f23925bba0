-- Agent users: user objects of Entra's derived type agentUser, which are software
-- and cannot sign in. An object never changes its type.
CREATE TABLE agent (
  user_id INTEGER NOT NULL PRIMARY KEY REFERENCES user,
  run_id  INTEGER NOT NULL REFERENCES run -- the run that first read it as an agent
) STRICT, WITHOUT ROWID;

-- The agent users, whatever their licenses.
CREATE VIEW agents AS
SELECT u.user_id, u.upn, a.run_id AS run
FROM agent a
JOIN users u ON u.user_key = a.user_id;

CREATE TRIGGER agent_written_once BEFORE UPDATE ON agent
BEGIN SELECT RAISE(ABORT, 'agent is append-only'); END;
CREATE TRIGGER agent_kept BEFORE DELETE ON agent
BEGIN SELECT RAISE(ABORT, 'agent is append-only'); END;
