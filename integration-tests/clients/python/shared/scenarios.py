"""Which function of a driver plays which scenario: all drivers have these modules, in folders of their own."""

import administration
import consuming
import group_member
import producing
import refusals
import seeking
import topics

SCENARIOS = {
    "hello": consuming.hello,
    "produce-callbacks": producing.callbacks,
    "produce-idempotent": producing.idempotent,
    "produce-until-told": producing.until_told,
    "partitioning": producing.partitioning,
    "in-flight": producing.in_flight,
    "payloads": producing.payloads,
    "large-records": producing.large_records,
    "consume-automatic": consuming.automatic,
    "consume-manual": consuming.manual,
    "consume-own-offsets": consuming.own_offsets,
    "seek": seeking.seek,
    "pause": seeking.pause,
    "group-member": group_member.member,
    "topics": topics.topics,
    "admin": administration.admin,
    "refuse-transactions": refusals.transactions,
}
