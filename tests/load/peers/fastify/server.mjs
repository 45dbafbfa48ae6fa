// Node.js, fastify and pg: one named (prepared) insert a request, two processes with eight connections each.
import cluster from 'node:cluster'
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import pg from 'pg'

const insert = {
  name: 'insert',
  text: `INSERT INTO scan (id, person_id, venue_id, direction, at, received_at, companions, suspect, repeat, source)
         VALUES ($1, $2, $3, 'in', $4, $5, 0, false, false, 'app')`
}
const schema = {
  body: {
    type: 'object',
    required: ['venue_code', 'client_scan_id'],
    additionalProperties: false,
    properties: { venue_code: { type: 'string' }, client_scan_id: { type: 'string' } }
  }
}

function serve () {
  const pool = new pg.Pool({
    host: process.env.PEER_PG_SOCKET, user: 'postgres', database: process.env.PEER_PG_DATABASE, max: 8
  })
  const app = Fastify()
  app.post('/api/v1/scans', { schema }, async (request, reply) => {
    const id = randomUUID()
    const now = Date.now()
    const person = (request.headers.authorization ?? '').slice(7)
    const venue = request.body.venue_code
    await pool.query({ ...insert, values: [id, person, venue, now - now % 1000, now] })
    reply.code(201)
    return {
      scan_id: id,
      venue: { id: venue, name: '翠湖餐厅' },
      direction: 'in',
      scanned_at: new Date(now - now % 1000).toISOString(),
      health: null,
      suspect: false
    }
  })
  app.listen({ port: Number(process.env.PEER_PORT), host: '127.0.0.1' })
}

if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill()
    process.exit(0)
  })
} else {
  serve()
}
