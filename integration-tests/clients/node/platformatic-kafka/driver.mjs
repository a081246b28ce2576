// Plays one scenario with @platformatic/kafka: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. What it prints is described
// in integration-tests/README.md.

import { main } from '../play.mjs'
import { administer } from './administering.mjs'
import { consumeManual, hello } from './consuming.mjs'
import { groupMember } from './group-member.mjs'
import { largeRecords, payloads } from './payloads.mjs'
import { inFlight, partitioning, produceCallbacks, produceIdempotent, produceUntilTold } from './producing.mjs'
import { refuseConsumerProtocol, refuseTransactions } from './refusals.mjs'
import { consumeOwnOffsets, seek } from './seeking.mjs'
import { topics } from './topics.mjs'

await main({
  hello,
  'produce-callbacks': produceCallbacks,
  'produce-idempotent': produceIdempotent,
  'produce-until-told': produceUntilTold,
  'in-flight': inFlight,
  partitioning,
  payloads,
  'large-records': largeRecords,
  'consume-manual': consumeManual,
  'consume-own-offsets': consumeOwnOffsets,
  seek,
  'group-member': groupMember,
  topics,
  admin: administer,
  'refuse-transactions': refuseTransactions,
  'refuse-consumer-protocol': refuseConsumerProtocol
})
