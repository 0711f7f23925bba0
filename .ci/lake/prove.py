"""Compares what engines read from a lake with what the databases say.

Ten questions are asked of each engine over the whole lake, and their answers must be
the same figures. For some tenants drawn at random the answers are computed once more
from their databases: by SQL over the SQLite file where a table holds the answer, and by
lictrail's own commands where it is derived. Row groups, types, nulls and the order of
rows are checked with readers that share no code with the writer.
"""

import argparse
import collections
import datetime
import glob
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import time
import tomllib

QUESTIONS = [
    "licenses_lost", "licenses_given", "never_explained", "seats_against_bought", "idle_seats",
    "first_use", "seats_by_month", "short_periods", "corrected_causes", "lapsing_subscriptions",
]
TABLES = [
    "runs", "changes", "causes", "period_events", "skus", "subscriptions", "groups", "seat_days",
    "activity", "coverage", "tenants", "users",
]

checks = 0


def must(ok, what):
    global checks
    checks += 1
    if not ok:
        sys.exit(f"lake: {what() if callable(what) else what}")


def lictrail(args, *more, tenant=None):
    command = [args.lictrail, *more]
    if tenant:
        command += ["--config", args.config, "--tenant-name", tenant]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def plain(value):
    """A value in the one form in which those of engines are compared."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return int(value.timestamp())
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, str):
        return value
    return int(value)


def answers(rows):
    return sorted((tuple(plain(v) for v in row) for row in rows), key=lambda r: tuple((v is not None, str(v)) for v in r))


def statements(args, engine):
    sql = lictrail(args, "export", "--sql", engine, args.lake)
    return [s for s in re.split(r";\s*\n", re.sub(r"(?m)--.*$", "", sql)) if s.strip()]


class Duck:
    name = "DuckDB"

    def __init__(self, args):
        import duckdb
        self.con = duckdb.connect()
        self.version = duckdb.__version__
        for s in statements(args, "duckdb"):
            self.con.execute(s)

    def ask(self, question):
        return self.con.execute(f"SELECT * FROM {question}").fetchall()

    def close(self):
        self.con.close()


class Rust:
    """delta-rs finds the files; DuckDB asks its tables."""

    name = "delta-rs"

    def __init__(self, args):
        import deltalake
        import duckdb
        self.con = duckdb.connect()
        self.version = deltalake.__version__
        self.con.execute("SET TimeZone = 'UTC'")
        for t in TABLES:
            table = deltalake.DeltaTable(os.path.join(args.lake, t))
            self.con.register("lake_" + t, table.to_pyarrow_dataset())
        for s in statements(args, "duckdb"):
            if not re.search(r"SET VARIABLE|VIEW lake_", s):
                self.con.execute(s)

    ask = Duck.ask
    close = Duck.close


class ClickHouse:
    name = "ClickHouse"

    def __init__(self, args):
        from chdb import session
        os.chdir("/")  # it reads files below the folder in which it is started only
        self.session = session.Session()
        self.version = str(self.session.query("SELECT version()")).strip().strip('"')
        for s in statements(args, "clickhouse"):
            self.session.query(s)

    def ask(self, question):
        text = str(self.session.query(f"SELECT * FROM {question}", "JSONCompact"))
        answer = json.loads(text)
        types = [c["type"] for c in answer["meta"]]
        return [[self.value(v, t) for v, t in zip(row, types)] for row in answer["data"]]

    @staticmethod
    def value(v, kind):
        if v is None or "String" in kind:
            return v
        if "DateTime" in kind:
            return datetime.datetime.fromisoformat(v.split(".")[0])
        return int(float(v))

    def close(self):
        self.session.close()


class Spark:
    """A standalone cluster on loopback: a master and two workers."""

    name = "Spark"

    def __init__(self, args):
        import pyspark
        self.version = pyspark.__version__
        self.home = os.path.dirname(pyspark.__file__)
        self.env = dict(os.environ, SPARK_HOME=self.home, SPARK_LOCAL_IP="127.0.0.1", SPARK_NO_DAEMONIZE="1", PYSPARK_PYTHON=sys.executable,
                        SPARK_WORKER_DIR=os.path.join(args.work, "spark-work"))
        self.processes = [self.start(args, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "7077", "--webui-port", "0")]
        self.wait(7077)
        for _ in range(2):
            self.processes.append(self.start(args, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0",
                                             "--cores", "1", "--memory", "1g", "spark://127.0.0.1:7077"))
        os.environ.update(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)
        from delta import configure_spark_with_delta_pip
        from pyspark.sql import SparkSession
        builder = (SparkSession.builder.appName("lake").master("spark://127.0.0.1:7077")
                   .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
                   .config("spark.ui.enabled", "false").config("spark.executor.memory", "768m").config("spark.sql.shuffle.partitions", "4")
                   .config("spark.jars.ivy", os.path.join(args.work, "ivy"))
                   .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
                   .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"))
        self.spark = configure_spark_with_delta_pip(builder).getOrCreate()
        self.spark.sparkContext.setLogLevel("ERROR")
        deadline = time.monotonic() + 120
        while self.spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() < 3:
            must(time.monotonic() < deadline, "two workers did not join the Spark cluster")
            time.sleep(1)
        for s in statements(args, "spark"):
            self.spark.sql(s)

    def start(self, args, main, *more):
        log = open(os.path.join(args.work, "spark.log"), "ab")
        return subprocess.Popen([os.path.join(self.home, "bin", "spark-class"), main, *more], env=self.env, stdout=log, stderr=log)

    @staticmethod
    def wait(port):
        import socket
        for _ in range(120):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(1)
        sys.exit("lake: the Spark master does not answer")

    def ask(self, question):
        # Times as numbers: a driver would give them in its own time zone.
        frame = self.spark.table(question)
        columns = [f"unix_seconds({c}) AS {c}" if t == "timestamp" else c for c, t in frame.dtypes]
        return [tuple(r) for r in frame.selectExpr(*columns).collect()]

    def close(self):
        self.spark.stop()
        for p in reversed(self.processes):
            p.terminate()
            p.wait()


# --- the databases ---


def from_database(args, tenant, path):
    """The answers for one tenant from its own database."""
    con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (tid,) = con.execute("SELECT object_id FROM tenant").fetchone()
    newest, observed = con.execute("SELECT id, observed_at FROM run WHERE status = 'complete' ORDER BY id DESC LIMIT 1").fetchone()
    explained = """
        FROM change c JOIN attribution a ON a.change_id = c.id AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = c.id)
        WHERE c.not_before IS NOT NULL AND """
    by_month = "SELECT strftime('%Y-%m', coalesce(a.at, c.not_after) / 1000, 'unixepoch'), a.cause, count(*), 1" + explained + "c.kind = ? GROUP BY 1, 2"
    out = {
        "licenses_lost": con.execute(by_month, ["removed"]).fetchall(),
        "licenses_given": con.execute(by_month, ["assigned"]).fetchall(),
        "never_explained": con.execute("SELECT ?, c.kind, a.unknown_why, count(*)" + explained +
                                       "a.cause = 'unknown' AND c.kind IN ('assigned', 'removed') GROUP BY 2, 3", [tid]).fetchall(),
        "seats_against_bought": con.execute("""
            SELECT ?, s.object_id, v.part_number, v.status, v.enabled, v.warning, v.assigned, v.consumed, v.enabled - v.assigned
            FROM sku_version v JOIN sku s ON s.id = v.sku_id WHERE v.to_run IS NULL""", [tid]).fetchall(),
        "corrected_causes": con.execute("""
            SELECT ?, f.cause, a.cause, count(*) FROM attribution f JOIN attribution a ON a.change_id = f.change_id
            AND a.revision = (SELECT max(revision) FROM attribution WHERE change_id = f.change_id)
            WHERE f.revision = 1 AND a.revision > 1 GROUP BY 2, 3""", [tid]).fetchall(),
        "lapsing_subscriptions": con.execute("""
            SELECT * FROM (SELECT ?, v.subscription_id, s.object_id, v.status, v.total, v.trial, v.next_lifecycle_at / 1000,
              v.next_lifecycle_at / 86400000 - ? / 86400000 AS days FROM subscription_version v JOIN sku s ON s.id = v.sku_id WHERE v.to_run IS NULL)
            WHERE days BETWEEN 0 AND 90""", [tid, observed]).fetchall(),
    }
    # Seats of closed months, by lictrail's own command.
    closed = datetime.datetime.fromtimestamp(observed / 1000, datetime.timezone.utc).strftime("%Y-%m")
    seats = json.loads(lictrail(args, "seat-days", "--by", "sku", "--format", "json", tenant=tenant))["items"]
    out["seats_by_month"] = [(tid, s["month"], s["sku"]["id"], s["users"], s["seat_days_min"], s["seat_days_max"]) for s in seats if s["month"] < closed]

    out["idle_seats"] = idle(args, con, tenant, tid, observed, newest)
    out["first_use"], out["short_periods"] = of_periods(args, con, tenant, tid, newest)
    con.close()
    return out


def activity_known(con, newest):
    """Whether the newest run has read activity."""
    return con.execute("SELECT count(*) FROM activity_read WHERE run_id = ? AND gap = ''", [newest]).fetchone()[0] > 0


def day(text):
    return int(moment(text)) // 86400


def periods_of(history, runs):
    """The periods of a user that began since tracking did: those that runs saw and, of SKUs that no run saw the user
    hold, what the audit log says. What it does not say happened by the next run at the latest."""
    for p in history["periods"]:
        if p["from"]["precision"] != "no-later-than":
            yield p["sku"]["id"], p["from"]["at"], p["to"] and p["to"]["at"]
    begun = {s["sku"]["id"]: None for s in history["skus"] if not s["periods"]}
    for c in history["items"]:
        sku, at = c["sku"] and c["sku"]["id"], c["when"]["at"]
        if sku not in begun or c["kind"] not in ("assigned", "removed"):
            continue
        if begun[sku] and (c["kind"] == "assigned" or next_run(runs, begun[sku]) < moment(at)):
            yield sku, begun[sku], iso(next_run(runs, begun[sku]))
            begun[sku] = None
        if c["kind"] == "assigned":
            begun[sku] = at
            continue
        if begun[sku] or moment(at) >= runs[0]:
            yield sku, begun[sku] or at, at
        begun[sku] = None
    for sku, began in begun.items():
        if began:
            yield sku, began, iso(next_run(runs, began))


def moment(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def iso(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat()


def next_run(runs, text):
    return next((r for r in runs if r >= moment(text)), float("inf"))


def of_periods(args, con, tenant, tid, newest):
    """How soon licenses were used, and how short they were held: from lictrail's history of every user, present or
    past, and the table of activity."""
    active = collections.defaultdict(list)
    for user, begun, last in con.execute("""
        SELECT u.user_id, a.from_at, a.last_at FROM active_time a JOIN users u ON u.user_key = a.user_id
        JOIN activity_kind k ON k.id = a.kind_id WHERE k.name NOT LIKE '%attempt'"""):
        active[user].append((begun, last))
    known = activity_known(con, newest)
    runs = [r / 1000 for (r,) in con.execute("SELECT observed_until FROM run WHERE status = 'complete' ORDER BY id")]
    used, short = collections.defaultdict(lambda: [0, 0, 0, 0]), collections.defaultdict(lambda: [0, 0])
    for (user,) in con.execute("SELECT user_id FROM users").fetchall():
        history = json.loads(lictrail(args, "history", user, "--format", "json", tenant=tenant))
        for sku, began, ended in periods_of(history, runs):
            if ended:
                short[sku][0] += 1
                short[sku][1] += day(ended) - day(began) < 30
            if not known:
                continue
            at = datetime.datetime.fromisoformat(began).timestamp() * 1000
            days = [0 if begun <= at else begun // 86400000 - day(began) for begun, last in active[user] if last >= at]
            row = used[sku]
            row[0] += 1
            if days:
                row[1] += min(days) <= 7
                row[2] += min(days) <= 30
                row[3] += 1
    return [(tid, sku, *row) for sku, row in used.items()], [(tid, sku, *row) for sku, row in short.items()]


PRICES = {"05e9a617-0261-4cee-bb44-138d3ef5d965": 39, "06ebc4ee-1bb5-47dd-8120-11324bc54e06": 60,
          "66b55226-6b4f-492c-910c-a3b7a3c9d993": 8, "c5928f49-12ba-48f7-ada3-0d743a3601d5": 15}


def idle(args, con, tenant, tid, observed, newest):
    """Idle seats, from lictrail's list of assignments and the table of activity."""
    known = activity_known(con, newest)
    last = dict(con.execute("""
        SELECT u.user_id, max(a.last_at) FROM active_time a JOIN users u ON u.user_key = a.user_id JOIN activity_kind k ON k.id = a.kind_id
        WHERE k.name NOT LIKE '%attempt' GROUP BY 1"""))
    parts = dict(con.execute("SELECT sku_id, part_number FROM skus ORDER BY from_run"))
    seats = collections.defaultdict(lambda: [0, 0, 0, 0])
    for a in json.loads(lictrail(args, "assignments", "--format", "json", tenant=tenant))["items"]:
        row, at = seats[a["sku"]["id"]], last.get(a["user"]["id"])
        row[0] += 1
        if not known:
            row[1] += 1
        elif at is None:
            row[2] += 1
        elif observed // 86400000 - at // 86400000 >= 90:
            row[3] += 1
    return [(tid, sku, parts.get(sku), *row, row[3] * PRICES[sku] if row[3] and sku in PRICES else None) for sku, row in seats.items()]


# --- the comparison ---


def compare_tenants(args, all_answers):
    config = tomllib.load(open(args.config, "rb"))
    tenants = config["tenant"]
    random.seed(args.seed)
    chosen = random.sample(tenants, min(args.tenants, len(tenants)))
    whole = len(chosen) == len(tenants)
    totals = {q: collections.Counter() for q in ("licenses_lost", "licenses_given")}
    in_lake = tenant_months(args)
    for t in chosen:
        path = os.path.join(os.path.dirname(os.path.abspath(args.config)), t["db"])
        expected = from_database(args, t["name"], path)
        tid = sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT object_id FROM tenant").fetchone()[0]
        for q, rows in expected.items():
            want = answers(rows)
            if q in totals:
                for month, cause, n, _ in want:
                    totals[q][month, cause] += n
                got = answers(in_lake[q][tid])
            else:
                got = [r for r in all_answers[q] if r[0] == tid]
            must(got == want, lambda: f"{q} of tenant {t['name']} is {diff(got, want)}")
    if whole:
        for q, total in totals.items():
            got = {(month, cause): n for month, cause, n, _ in all_answers[q]}
            must(got == dict(total), f"{q} over all tenants is not the sum of the databases'")
    return len(chosen)


def tenant_months(args):
    """Questions 1 and 2 by tenant."""
    duck = Duck(args)
    out = {}
    for q, kind in (("licenses_lost", "removed"), ("licenses_given", "assigned")):
        out[q] = collections.defaultdict(list)
        for tid, *row in duck.con.execute(f"""
            SELECT tenant, strftime(happened_at, '%Y-%m'), cause, count(*), 1 FROM explained_changes WHERE kind = '{kind}' GROUP BY 1, 2, 3""").fetchall():
            out[q][tid].append(tuple(row))
    duck.close()
    return out


def diff(got, want):
    return f"not the same: {sorted(set(got) - set(want), key=str)[:3]} and not {sorted(set(want) - set(got), key=str)[:3]}"


def check_files(args):
    """Row groups, types, nulls and order, by Arrow's reader."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    files = json.load(open(os.path.join(args.lake, "manifest.json")))["files"]
    on_disk = {os.path.relpath(f, args.lake) for f in glob.glob(os.path.join(args.lake, "**", "*.parquet"), recursive=True)}
    must(on_disk == {f["path"] for f in files}, "the files on the disk are not those of the manifest")
    groups = 0
    for f in files:
        file = pq.ParquetFile(os.path.join(args.lake, f["path"]))
        meta = file.metadata
        must(meta.num_rows == f["rows"], f"{f['path']} has {meta.num_rows} rows, the manifest says {f['rows']}")
        must(all(meta.row_group(g).num_rows <= 1 << 16 for g in range(meta.num_row_groups)), f"{f['path']} has a row group of more than 65,536 rows")
        groups += meta.num_row_groups
        table = file.read()
        tenants = table.column("tenant").combine_chunks()
        must(not pc.any(pc.greater(tenants[:-1], tenants[1:])).as_py(), f"{f['path']} is not sorted by tenant")
        must(str(tenants[0]) == f["first_tenant"] and str(tenants[-1]) == f["last_tenant"], f"{f['path']} has other tenants than the manifest says")
        schema = json.loads(first_meta(args, f["table"])["schemaString"])
        for column in schema["fields"]:
            if column["name"] == "month":
                continue
            field = table.schema.field(column["name"])
            kind = {"string": "string", "long": "int64", "integer": "int32", "boolean": "bool", "timestamp": "timestamp[us, tz=UTC]"}[column["type"]]
            must(str(field.type) == kind, f"{f['path']}: {column['name']} is {field.type}, the log says {column['type']}")
            must(field.nullable == column["nullable"], f"{f['path']}: whether {column['name']} may be null is not what the log says")
            values = table.column(column["name"])
            must(column["nullable"] or values.null_count == 0, f"{f['path']}: {column['name']} has nulls")
            if kind == "string" and column["nullable"]:
                must(not pc.any(pc.equal(values, "")).as_py(), f"{f['path']}: {column['name']} has an empty text where there should be a null")
            stats = [meta.row_group(g).column(table.schema.get_field_index(column["name"])).statistics for g in range(meta.num_row_groups)]
            must(all(x is None or x.null_count is None for x in stats) or sum(x.null_count or 0 for x in stats if x) == values.null_count,
                 f"{f['path']}: the statistics of {column['name']} count other nulls than there are")
    return len(files), groups


def first_meta(args, table):
    with open(os.path.join(args.lake, table, "_delta_log", "0" * 20 + ".json")) as f:
        return next(json.loads(line)["metaData"] for line in f if "metaData" in line)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--lictrail", required=True)
    p.add_argument("--config", required=True)
    p.add_argument("--lake", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--engines", default="duckdb,delta-rs")
    p.add_argument("--tenants", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    for name in ("lictrail", "config", "lake", "work"):
        setattr(args, name, os.path.abspath(getattr(args, name)))

    files, groups = check_files(args)
    print(f"{files} files, {groups} row groups: rows, order, types and nulls as the manifest and the logs say")
    first, by = None, None
    for name in args.engines.split(","):
        begun = time.monotonic()
        engine = {"duckdb": Duck, "delta-rs": Rust, "clickhouse": ClickHouse, "spark": Spark}[name](args)
        opened = time.monotonic() - begun
        got, times = {}, []
        for q in QUESTIONS:
            begun = time.monotonic()
            got[q] = answers(engine.ask(q))
            times.append(time.monotonic() - begun)
        engine.close()
        print(f"{engine.name} {engine.version}: opened in {opened:.2f} s; ten questions in {sum(times):.2f} s: " +
              ", ".join(f"{q} {t:.2f}" for q, t in zip(QUESTIONS, times)))
        if first is None:
            first, by = got, engine.name
            must(sum(len(rows) for rows in got.values()) > 0, "the lake answers nothing: this proves nothing")
            print("rows of the answers: " + ", ".join(f"{q} {len(got[q])}" for q in QUESTIONS))
            if args.tenants:
                print(f"{compare_tenants(args, first)} tenants: the same figures as from their databases")
        for q in QUESTIONS:
            must(got[q] == first[q], lambda: f"{q}: {engine.name} and {by} differ: {diff(got[q], first[q])}")
    print(f"{checks} passed, 0 failed")


if __name__ == "__main__":
    main()
