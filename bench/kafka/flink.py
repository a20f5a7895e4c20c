"""The bench's job in Flink SQL: the same records, the same 1,000 rules, the same signals out.
usage: flink.py BROKERS INPUT OUTPUT JARS CONDITIONS [once]: once: exactly once, checkpoints every 100 ms"""
import os
import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

brokers, source, sink, jars, conditions = sys.argv[1:6]
once = len(sys.argv) > 6
table = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
config = table.get_config()
config.set("pipeline.jars", ";".join("file://" + os.path.abspath(os.path.join(jars, name))
                                     for name in os.listdir(jars) if name.endswith(".jar")))
config.set("parallelism.default", "1")
config.set("pipeline.object-reuse", "true")
if once:
    config.set("execution.checkpointing.interval", "100ms")
kafka = f"'connector'='kafka','properties.bootstrap.servers'='{brokers}','format'='json'"
table.execute_sql(
    "create table ev (`UtcTime` string, `Computer` string, `Image` string, `CommandLine` string, `User` string)"
    f" with ({kafka},'topic'='{source}','scan.startup.mode'='earliest-offset',"
    "'scan.bounded.mode'='latest-offset')")
delivery = ("'sink.delivery-guarantee'='exactly-once','sink.transactional-id-prefix'='" + sink + "',"
            "'properties.transaction.timeout.ms'='60000'" if once
            else "'sink.delivery-guarantee'='at-least-once'")
table.execute_sql(
    "create table sig (rules string, `UtcTime` string, `Computer` string, `Image` string, `CommandLine` string)"
    f" with ({kafka},'topic'='{sink}',{delivery})")
with open(conditions, encoding="utf-8") as lines:
    rules = [line.strip() for line in lines]
statements = table.create_statement_set()
for first in range(0, len(rules), 50):  # as one statement, a thousand never leave Flink's compiler
    names = ", ".join(f"case when {rule} then 'r{first + index}' end"
                      for index, rule in enumerate(rules[first:first + 50]))
    statements.add_insert_sql(
        f"insert into sig select * from (select concat_ws(',', {names}) as rules, `UtcTime`, `Computer`, `Image`,"
        " `CommandLine` from ev) where rules <> ''")
statements.execute().wait()
