"""Copies databases of simulated tenants under other tenants' ids, and names all in fleet.toml.

The raw audit records, of which no table of a lake has anything, are left out of the copies: they are nine tenths of
a database. So a copy is no history that verifies; an export reads it like any other.
"""

import hashlib
import os
import shutil
import sqlite3
import sys
import uuid

folder, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
originals = [os.path.join(folder, f"t{i:04d}.db") for i in range(first)]
slim = []
for path in originals:
    small = path + ".slim"
    shutil.copyfile(path, small)
    con = sqlite3.connect(small)
    triggers = con.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('event', 'event_copy', 'tenant')").fetchall()
    for name, _ in triggers:
        con.execute(f"DROP TRIGGER {name}")
    con.execute("UPDATE event SET raw = ''")
    con.execute("UPDATE event_copy SET raw = ''")
    con.commit()
    con.execute("VACUUM")
    con.close()
    slim.append((small, triggers))
names = [os.path.basename(p)[:-3] for p in originals]
for i in range(len(originals), count):
    small, triggers = slim[i % len(slim)]
    name = f"t{i:04d}"
    path = os.path.join(folder, name + ".db")
    shutil.copyfile(small, path)
    os.chmod(path, 0o600)
    con = sqlite3.connect(path)
    con.execute("UPDATE tenant SET object_id = ?, name = ?", [str(uuid.UUID(hashlib.sha256(name.encode()).hexdigest()[:32])), f"Copy {i}"])
    for _, sql in triggers:
        con.execute(sql)
    con.commit()
    con.close()
    names.append(name)
for small, _ in slim:
    os.remove(small)
with open(os.path.join(folder, "fleet.toml"), "w") as f:
    for name in names:
        f.write(f'[[tenant]]\nname = "{name}"\ndb = "{name}.db"\n\n')
