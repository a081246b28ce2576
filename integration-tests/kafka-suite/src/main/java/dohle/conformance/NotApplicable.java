package dohle.conformance;

/** A test that can say nothing about a broker outside the JVM: it neither fails nor passes. */
public final class NotApplicable extends UnsupportedOperationException {
    private static final long serialVersionUID = 1L;

    /** @param reason why, as the results show it */
    public NotApplicable(String reason) {
        super(reason);
        Invocation.notApplicable(reason);
    }
}
