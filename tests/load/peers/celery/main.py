"""Sends alerts as tasks of Celery: every task one HTTP call to the provider, over a kept connection. Nothing is recorded.

Prefork, as Celery is run by default; results, events and gossip are off. Of 2 to 64 processes and prefetches of 4 to 64
these were the fastest on two cores. Environment: PEER_REDIS_SOCKET, PEER_PROVIDER (URL), PEER_JOBS. Prints {"seconds",
"sent"} at the end.
"""

import json
import os
import signal
import threading
import time
from multiprocessing import Value

import urllib3
from celery import Celery
from celery.signals import worker_process_init

PROCESSES = 4
PREFETCH = 64
JOBS = int(os.environ["PEER_JOBS"])
HEADERS = {"content-type": "application/x-www-form-urlencoded", "x-acs-action": "SendSms"}

app = Celery("peer", broker=f"redis+socket://{os.environ['PEER_REDIS_SOCKET']}")
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=PREFETCH,
    worker_enable_remote_control=False,
    worker_redirect_stdouts=False,
    broker_connection_retry_on_startup=True,
)

# Shared by the processes: they are forked from this one. The clock is the machine's, so it is one for all.
begun, ended, sent = Value("d", 0.0), Value("d", 0.0), Value("q", 0)
provider = None


@worker_process_init.connect
def connect(**_):
    global provider
    provider = urllib3.connection_from_url(os.environ["PEER_PROVIDER"], maxsize=1, retries=False)


@app.task(name="send")
def send(delivery):
    with begun.get_lock():
        begun.value = begun.value or time.monotonic()
    body = f"PhoneNumbers=154{delivery:08}&TemplateCode=T_1&OutId={delivery}"
    answer = provider.request("POST", "/", body=body, headers=HEADERS)
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}")
    with sent.get_lock():
        sent.value += 1
        if sent.value == JOBS:
            ended.value = time.monotonic()


def stop_when_done():
    while not ended.value:
        time.sleep(0.02)
    print(json.dumps({"seconds": ended.value - begun.value, "sent": sent.value}), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    with app.connection_for_write() as connection, app.amqp.producer_pool.acquire(block=True) as producer:
        for delivery in range(JOBS):
            send.apply_async((delivery,), producer=producer)
    threading.Thread(target=stop_when_done, daemon=True).start()
    app.Worker(
        pool="prefork",
        concurrency=PROCESSES,
        loglevel="ERROR",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    ).start()
