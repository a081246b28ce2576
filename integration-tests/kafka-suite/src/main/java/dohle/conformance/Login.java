package dohle.conformance;

/** A user of SASL PLAIN. */
record Login(String user, String password) {}
