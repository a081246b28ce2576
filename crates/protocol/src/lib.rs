//! Kafka's wire protocol: frames, headers, generated messages and records, record batches. Bytes in, values out.
