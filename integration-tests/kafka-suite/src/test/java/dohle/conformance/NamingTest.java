package dohle.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

final class NamingTest {
    @Test
    void whatIsUsualForAClusterIsNotNamed() {
        assertEquals("isolated", Naming.parameters("testIt() [1] Type=Raft-Isolated, MetadataVersion=4.4-IV0,"
            + "BrokerSecurityProtocol=PLAINTEXT,BrokerListenerName=ListenerName(EXTERNAL),"
            + "ControllerSecurityProtocol=PLAINTEXT,ControllerListenerName=ListenerName(CONTROLLER)"));
        assertEquals("combined, MetadataVersion=3.8-IV0",
            Naming.parameters("testIt() [12] Type=Raft-Combined, MetadataVersion=3.8-IV0"));
    }

    @Test
    void theNumberOfAnInvocationIsNoPartOfItsName() {
        assertEquals("groupProtocol=classic", Naming.parameters("[3] groupProtocol=classic"));
        assertEquals("", Naming.parameters("shouldCount()"));
    }

    @Test
    void whatChangesFromRunToRunIsNoPartOfAName() {
        assertEquals("a localhost:PORT, FOLDER, Thing@",
            Result.oneLine("a localhost:12345, /tmp/kafka-12/log, Thing@1a2b3c\nsecond line"));
    }
}
