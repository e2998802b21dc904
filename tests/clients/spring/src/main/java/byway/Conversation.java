package byway;

import static byway.Main.check;

import java.lang.reflect.Type;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.springframework.messaging.MessageDeliveryException;
import org.springframework.messaging.converter.StringMessageConverter;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSession.Receiptable;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.WebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;

/** One client of the server: what it hears is kept, in the order in which it comes. */
final class Conversation extends StompSessionHandlerAdapter {
    private static final long LIMIT_SECONDS = 20;

    record Heard(StompHeaders headers, String body) {}

    final BlockingQueue<Heard> errors = new LinkedBlockingQueue<>();
    final CompletableFuture<StompHeaders> connected = new CompletableFuture<>();
    final CompletableFuture<Throwable> lost = new CompletableFuture<>();
    StompSession session;

    /** Connects, and waits until the server has answered. */
    static Conversation enter(WebSocketClient socket, TaskScheduler scheduler, String url, String token) throws Exception {
        Conversation conversation = begin(socket, scheduler, url, token);
        conversation.connected.get(LIMIT_SECONDS, TimeUnit.SECONDS);
        return conversation;
    }

    static Conversation begin(WebSocketClient socket, TaskScheduler scheduler, String url, @Nullable String token) {
        var client = new WebSocketStompClient(socket);
        client.setMessageConverter(new StringMessageConverter());
        client.setInboundMessageSizeLimit(4 * 1024 * 1024);
        client.setTaskScheduler(scheduler);
        client.setDefaultHeartbeat(new long[] {1000, 1000});
        var headers = new StompHeaders();
        if (token != null) headers.add("Authorization", "Bearer " + token);
        var conversation = new Conversation();
        client.connectAsync(url, new WebSocketHttpHeaders(), headers, conversation);
        return conversation;
    }

    /** Subscribes, and gives what comes once the server has said that it does. */
    BlockingQueue<Heard> subscribe(String destination, String ack) throws Exception {
        var inbox = new LinkedBlockingQueue<Heard>();
        var headers = new StompHeaders();
        headers.setDestination(destination);
        headers.setAck(ack);
        withReceipt("SUBSCRIBE " + destination, () -> session.subscribe(headers, keep(inbox)));
        return inbox;
    }

    void send(String destination, String body, String... more) throws Exception {
        var headers = new StompHeaders();
        headers.setDestination(destination);
        // SockJS carries text only, and Spring asks the content's type what is text.
        headers.setContentType(MimeTypeUtils.TEXT_PLAIN);
        for (int i = 0; i < more.length; i += 2) headers.add(more[i], more[i + 1]);
        withReceipt("SEND " + destination, () -> session.send(headers, body));
    }

    void acknowledge(Heard message) throws Exception {
        var headers = new StompHeaders();
        headers.setId(message.headers().getFirst("ack"));
        withReceipt("ACK", () -> session.acknowledge(headers, true));
    }

    /** DISCONNECT. The server closes at once, which the WebSocket client may see before its own write has returned. */
    void leave() {
        try {
            session.disconnect();
        } catch (MessageDeliveryException closedAlready) {
            check(closedAlready.getCause() instanceof RejectedExecutionException, "DISCONNECT: " + closedAlready);
        }
    }

    static <T> T next(BlockingQueue<T> inbox, String what) throws Exception {
        T item = inbox.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
        if (item == null) throw new AssertionError("not within " + LIMIT_SECONDS + " s: " + what);
        return item;
    }

    static Heard next(BlockingQueue<Heard> inbox) throws Exception {
        return next(inbox, "a message");
    }

    private interface Act {
        Receiptable act();
    }

    private void withReceipt(String what, Act frame) throws Exception {
        session.setAutoReceipt(true);
        var outcome = new CompletableFuture<Boolean>();
        Receiptable receipt = frame.act();
        receipt.addReceiptTask(() -> outcome.complete(true));
        receipt.addReceiptLostTask(() -> outcome.complete(false));
        check(outcome.get(LIMIT_SECONDS, TimeUnit.SECONDS), "the receipt of " + what);
    }

    private static StompFrameHandler keep(BlockingQueue<Heard> inbox) {
        return new StompFrameHandler() {
            @Override
            public Type getPayloadType(StompHeaders headers) {
                return String.class;
            }

            @Override
            public void handleFrame(StompHeaders headers, @Nullable Object payload) {
                inbox.add(new Heard(headers, String.valueOf(payload)));
            }
        };
    }

    @Override
    public void afterConnected(StompSession session, StompHeaders headers) {
        this.session = session;
        connected.complete(headers);
    }

    /** An ERROR. */
    @Override
    public void handleFrame(StompHeaders headers, @Nullable Object payload) {
        errors.add(new Heard(headers, String.valueOf(payload)));
    }

    @Override
    public Type getPayloadType(StompHeaders headers) {
        return String.class;
    }

    @Override
    public void handleException(
            StompSession session, @Nullable StompCommand command, StompHeaders headers, byte[] payload, Throwable error) {
        connected.completeExceptionally(error);
        lost.complete(error);
    }

    @Override
    public void handleTransportError(StompSession session, Throwable error) {
        connected.completeExceptionally(error);
        lost.complete(error);
    }
}
