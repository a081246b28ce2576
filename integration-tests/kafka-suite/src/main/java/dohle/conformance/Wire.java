package dohle.conformance;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.SaslAuthenticateRequestData;
import org.apache.kafka.common.message.SaslHandshakeRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.ApiVersionsRequest;
import org.apache.kafka.common.requests.ApiVersionsResponse;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.SaslAuthenticateRequest;
import org.apache.kafka.common.requests.SaslHandshakeRequest;

/**
 * A conversation with one certain node. An admin client asks whichever broker it likes, and leaves threads behind that
 * tests count; this asks the node it is told, in the calling thread.
 */
final class Wire implements AutoCloseable {
    private static final int TIMEOUT_MS = 10_000;

    private final Socket socket = new Socket();
    private final DataInputStream in;
    private final OutputStream out;
    private final ApiVersionsResponseData versions;
    private int correlationId;

    /**
     * @param port of a listener of the node, on this machine
     * @param login who asks, where the listener wants to know
     * @throws IOException the node cannot be reached or refuses
     */
    Wire(int port, Optional<Login> login) throws IOException {
        try {
            socket.connect(new InetSocketAddress("localhost", port), TIMEOUT_MS);
            socket.setSoTimeout(TIMEOUT_MS);
            socket.setTcpNoDelay(true);
            in = new DataInputStream(socket.getInputStream());
            out = socket.getOutputStream();
            versions = ((ApiVersionsResponse) exchange(new ApiVersionsRequest.Builder().build((short) 3))).data();
            if (login.isPresent()) {
                authenticate(login.get());
            }
        } catch (IOException | RuntimeException error) {
            socket.close();
            throw error;
        }
    }

    /** What the node says it serves, and which features are finalized. */
    ApiVersionsResponseData versions() {
        return versions;
    }

    boolean serves(ApiKeys api) {
        return versions.apiKeys().find(api.id) != null;
    }

    /** Sends a request in the highest version that both sides know, and waits for the response. */
    <T extends AbstractResponse> T ask(AbstractRequest.Builder<?> request, Class<T> response) throws IOException {
        ApiVersion served = versions.apiKeys().find(request.apiKey().id);
        if (served == null) {
            throw new IOException("the node does not serve " + request.apiKey());
        }
        short version = (short) Math.min(served.maxVersion(), request.latestAllowedVersion());
        return response.cast(exchange(request.build(version)));
    }

    private void authenticate(Login login) throws IOException {
        exchange(new SaslHandshakeRequest.Builder(new SaslHandshakeRequestData().setMechanism("PLAIN")).build((short) 1));
        byte[] token = ("\0" + login.user() + "\0" + login.password()).getBytes(StandardCharsets.UTF_8);
        AbstractResponse response = exchange(
            new SaslAuthenticateRequest.Builder(new SaslAuthenticateRequestData().setAuthBytes(token)).build((short) 1));
        if (!response.errorCounts().containsKey(org.apache.kafka.common.protocol.Errors.NONE)) {
            throw new IOException("the node does not let " + login.user() + " in: " + response.errorCounts());
        }
    }

    private AbstractResponse exchange(AbstractRequest request) throws IOException {
        RequestHeader header =
            new RequestHeader(request.apiKey(), request.version(), "conformance", correlationId++);
        ByteBuffer bytes = request.serializeWithHeader(header);
        ByteBuffer frame = ByteBuffer.allocate(4 + bytes.remaining());
        frame.putInt(bytes.remaining()).put(bytes).flip();
        Channels.newChannel(out).write(frame);
        byte[] response = new byte[in.readInt()];
        in.readFully(response);
        return AbstractResponse.parseResponse(ByteBuffer.wrap(response), header);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
