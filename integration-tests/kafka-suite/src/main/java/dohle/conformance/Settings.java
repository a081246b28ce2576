package dohle.conformance;

/** What the runner tells the JVM that runs a class: system properties that begin with {@code conformance.}. */
final class Settings {
    static final String PREFIX = "conformance.";

    private Settings() {}

    static String required(String name) {
        String value = System.getProperty(PREFIX + name);
        if (value == null) {
            throw new IllegalStateException("the system property " + PREFIX + name + " is not set");
        }
        return value;
    }
}
