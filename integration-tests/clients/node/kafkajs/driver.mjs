// Plays one scenario with KafkaJS: SCENARIO BOOTSTRAP TOPIC GROUP [NAME=VALUE...]. What it prints is described in
// integration-tests/README.md.

import { main } from '../play.mjs'
import { administer } from './administering.mjs'
import { consumeAutomatic, consumeManual, hello } from './consuming.mjs'
import { groupMember } from './group-member.mjs'
import { largeRecords, payloads } from './payloads.mjs'
import { partitioning, produceCallbacks, produceIdempotent, produceUntilTold } from './producing.mjs'
import { consumeOwnOffsets, pause, seek } from './seeking.mjs'
import { topics } from './topics.mjs'

await main({
  hello,
  'produce-callbacks': produceCallbacks,
  'produce-idempotent': produceIdempotent,
  'produce-until-told': produceUntilTold,
  partitioning,
  payloads,
  'large-records': largeRecords,
  'consume-automatic': consumeAutomatic,
  'consume-manual': consumeManual,
  'consume-own-offsets': consumeOwnOffsets,
  seek,
  pause,
  'group-member': groupMember,
  topics,
  admin: administer
})
