-- Addresses are indexed without their domain, which nearly all have in common. The
-- part up to the @ finds the few rows whose whole address is then compared.
DROP INDEX user_version_upn;
CREATE INDEX user_version_address ON user_version (substr(upn, 1, instr(upn || '@', '@')) COLLATE NOCASE);
