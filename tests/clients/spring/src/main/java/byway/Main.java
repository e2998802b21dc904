package byway;

import static byway.Conversation.next;

import byway.Conversation.Heard;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.web.client.RestTemplate;
import org.springframework.web.socket.client.WebSocketClient;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.sockjs.client.RestTemplateXhrTransport;
import org.springframework.web.socket.sockjs.client.SockJsClient;
import org.springframework.web.socket.sockjs.client.WebSocketTransport;

/**
 * Spring's WebSocketStompClient against a running server: over a plain WebSocket, and over SockJsClient's transports.
 *
 * <p>Arguments: the server's address (http://127.0.0.1:8080) and the token of a user called ada.
 */
public final class Main {
    private interface Scenario {
        void run() throws Exception;
    }

    private final String way;
    private final WebSocketClient socket;
    private final String url;
    private final String token;
    private final ThreadPoolTaskScheduler scheduler;

    private Main(String way, WebSocketClient socket, String url, String token, ThreadPoolTaskScheduler scheduler) {
        this.way = way;
        this.socket = socket;
        this.url = url;
        this.token = token;
        this.scheduler = scheduler;
    }

    public static void main(String[] arguments) {
        String base = arguments[0], token = arguments[1];
        var scheduler = new ThreadPoolTaskScheduler();
        scheduler.setPoolSize(4);
        scheduler.setDaemon(true);
        scheduler.initialize();
        var rows = ways().entrySet().stream().map(way -> row(way.getKey(), way.getValue(), base, token, scheduler));
        var outcomes = rows.map(row -> CompletableFuture.supplyAsync(row::play)).toList();
        int cases = 0, failed = 0;
        for (var outcome : outcomes) {
            cases += outcome.join().size();
            failed += Collections.frequency(outcome.join(), false);
        }
        System.out.println("spring: " + cases + " cases, " + failed + " failed");
        // SockJsClient's streams hold threads of their own.
        System.exit(failed == 0 ? 0 : 1);
    }

    private static Main row(
            String way, WebSocketClient socket, String base, String token, ThreadPoolTaskScheduler scheduler) {
        // SockJsClient wants http, the plain client ws.
        String url = (way.equals("WebSocket") ? base.replaceFirst("^http", "ws") : base) + "/stomp";
        return new Main(way, socket, url, token, scheduler);
    }

    /** Whether each scenario went well. */
    private List<Boolean> play() {
        return scenarios().entrySet().stream().map(scenario -> passes(scenario.getKey(), scenario.getValue())).toList();
    }

    private static Map<String, WebSocketClient> ways() {
        var container = jakarta.websocket.ContainerProvider.getWebSocketContainer();
        container.setDefaultMaxTextMessageBufferSize(8 * 1024 * 1024);
        container.setDefaultMaxBinaryMessageBufferSize(8 * 1024 * 1024);
        var ways = new LinkedHashMap<String, WebSocketClient>();
        ways.put("WebSocket", new StandardWebSocketClient(container));
        ways.put("SockJS websocket", new SockJsClient(List.of(new WebSocketTransport(new StandardWebSocketClient(container)))));
        ways.put("SockJS xhr_streaming", new SockJsClient(List.of(xhr(false))));
        ways.put("SockJS xhr", new SockJsClient(List.of(xhr(true))));
        return ways;
    }

    private static RestTemplateXhrTransport xhr(boolean polling) {
        var transport = new RestTemplateXhrTransport(new RestTemplate());
        transport.setXhrStreamingDisabled(polling);
        return transport;
    }

    private Map<String, Scenario> scenarios() {
        var scenarios = new LinkedHashMap<String, Scenario>();
        scenarios.put("a token lets its user in", this::aTokenLetsItsUserIn);
        scenarios.put("without a token nobody comes in", this::withoutATokenNobodyComesIn);
        scenarios.put("what is sent arrives unchanged with its headers", this::whatIsSentArrives);
        scenarios.put("two clients hear what is published, in order", this::twoClientsHear);
        scenarios.put("a megabyte arrives", this::aMegabyteArrives);
        scenarios.put("what was acknowledged is done with", this::whatWasAcknowledgedIsDoneWith);
        scenarios.put("heartbeats keep a session that says nothing", this::heartbeatsKeepASession);
        scenarios.put("a subscription that is denied ends the session", this::aDeniedSubscriptionEndsTheSession);
        return scenarios;
    }

    private boolean passes(String name, Scenario scenario) {
        long since = System.nanoTime();
        try {
            scenario.run();
            System.out.printf("ok: %s: %s (%d ms)%n", way, name, (System.nanoTime() - since) / 1_000_000);
            return true;
        } catch (Throwable failure) {
            System.out.printf("FAILED: %s: %s%n", way, name);
            failure.printStackTrace(System.out);
            return false;
        }
    }

    static void check(boolean truth, String what) {
        if (!truth) throw new AssertionError(what);
    }

    static void same(Object actual, Object expected, String what) {
        check(expected.equals(actual), what + ": " + actual + ", expected " + expected);
    }

    private Conversation enter() throws Exception {
        return Conversation.enter(socket, scheduler, url, token);
    }

    /** A destination that no other row uses. */
    private String place(String kind, String name) {
        return "/" + kind + "/" + way.replaceAll("\\W+", "-") + "/" + name;
    }

    private void aTokenLetsItsUserIn() throws Exception {
        var ada = enter();
        same(ada.connected.get().getFirst("user-name"), "ada", "user-name");
        ada.leave();
    }

    private void withoutATokenNobodyComesIn() throws Exception {
        var nobody = Conversation.begin(socket, scheduler, url, null);
        Heard error = next(nobody.errors, "the ERROR");
        same(error.headers().getFirst("message"), "Authentication failed", "message");
        same(error.body(), "there is no token.", "the ERROR's body");
        nobody.lost.get(20, TimeUnit.SECONDS);
    }

    private void whatIsSentArrives() throws Exception {
        var ada = enter();
        String topic = place("topic", "text");
        var inbox = ada.subscribe(topic, "auto");
        String body = "quote\" \\ NUL\0 Grüße 漢字 🚀 \u2028\n";
        ada.send(topic, body, "path", "C:\\temp", "lines", "a\nb:c");
        Heard message = next(inbox);
        same(message.body(), body, "the body");
        same(message.headers().getFirst("path"), "C:\\temp", "a header with a backslash");
        same(message.headers().getFirst("lines"), "a\nb:c", "a header with a line end and a colon");
        ada.leave();
    }

    private void twoClientsHear() throws Exception {
        var one = enter();
        var two = enter();
        String topic = place("topic", "fan-out");
        var inboxes = List.of(one.subscribe(topic, "auto"), two.subscribe(topic, "auto"));
        for (int i = 0; i < 20; i++) one.send(topic, "message " + i);
        for (var inbox : inboxes) for (int i = 0; i < 20; i++) same(next(inbox).body(), "message " + i, "the order");
        one.leave();
        two.leave();
    }

    private void aMegabyteArrives() throws Exception {
        var ada = enter();
        String topic = place("topic", "long");
        var inbox = ada.subscribe(topic, "auto");
        String body = "0123456789abcdé\n".repeat(65_536);
        ada.send(topic, body);
        check(next(inbox).body().equals(body), "the body arrives unchanged");
        ada.leave();
    }

    private void whatWasAcknowledgedIsDoneWith() throws Exception {
        var one = enter();
        String queue = place("queue", "work");
        var inbox = one.subscribe(queue, "client-individual");
        one.send(queue, "1");
        one.send(queue, "2");
        next(inbox);
        one.acknowledge(next(inbox));
        one.leave();
        var two = enter();
        var rest = two.subscribe(queue, "client-individual");
        Heard again = next(rest);
        same(again.body(), "1", "what is handed out again");
        two.acknowledge(again);
        two.leave();
    }

    private void heartbeatsKeepASession() throws Exception {
        var ada = enter();
        check(!sees(ada, 3_500), "nobody ends a session whose heartbeats come");
        ada.leave();
    }

    /** Whether the session is lost within the time. */
    private static boolean sees(Conversation conversation, long millis) throws Exception {
        try {
            conversation.lost.get(millis, TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException still) {
            return false;
        }
    }

    private void aDeniedSubscriptionEndsTheSession() throws Exception {
        var ada = enter();
        ada.session.subscribe("/topic/secret/plans", ada);
        Heard error = next(ada.errors, "the ERROR");
        same(error.headers().getFirst("message"), "Forbidden: SUBSCRIBE /topic/secret/plans", "message");
        ada.lost.get(20, TimeUnit.SECONDS);
    }
}
