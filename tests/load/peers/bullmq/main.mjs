// Sends alerts as jobs of BullMQ: every job one HTTP call to the provider, 64 at a time. Nothing is recorded.
// Environment: PEER_REDIS_SOCKET, PEER_PROVIDER (URL), PEER_JOBS. Prints {"seconds", "sent"} at the end.
import { Queue, Worker } from 'bullmq';
import { Pool } from 'undici';

const connection = { path: process.env.PEER_REDIS_SOCKET, maxRetriesPerRequest: null };
const jobs = Number(process.env.PEER_JOBS);
const provider = new Pool(process.env.PEER_PROVIDER, { connections: 64, pipelining: 1 });
const queue = new Queue('alerts', { connection });
await queue.obliterate({ force: true });

for (let from = 0; from < jobs; from += 1000) {
  const some = Array.from({ length: Math.min(1000, jobs - from) }, (_, i) => ({
    name: 'send',
    data: { delivery: from + i },
    opts: { removeOnComplete: true },
  }));
  await queue.addBulk(some);
}

let sent = 0;
let begun = 0;
await new Promise((done) => {
  new Worker(
    'alerts',
    async (job) => {
      begun ||= performance.now();
      const { body, statusCode } = await provider.request({
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-acs-action': 'SendSms' },
        body: `PhoneNumbers=154${String(job.data.delivery).padStart(8, '0')}&TemplateCode=T_1&OutId=${job.id}`,
      });
      await body.text();
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      sent += 1;
      if (sent === jobs) done();
    },
    { connection, concurrency: 64 },
  );
});
console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1000, sent }));
process.exit(0);
