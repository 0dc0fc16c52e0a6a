// SPDX-License-Identifier: Apache-2.0
// Talks to the C driver through pipes; called by Oracle, knows no messages.
package kwire;

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.function.Consumer;

/**
 * A running driver (tests/conformance/FORMAT.md): requests are written ahead, a thread of its own
 * hands each answer to what waits for it.  A driver that ends too early answers null from then on.
 */
final class Driver implements AutoCloseable {
    private static final Consumer<String> END = answer -> { };

    private final Process process;
    private final OutputStream requests;
    private final BufferedReader answers;
    private final BlockingQueue<Consumer<String>> waiting = new ArrayBlockingQueue<>(4096);
    private final Thread reader;
    private volatile boolean dead;

    Driver(String program) throws IOException {
        process = new ProcessBuilder(program.split(" ")).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        requests = new BufferedOutputStream(process.getOutputStream(), 1 << 16);
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8), 1 << 16);
        reader = new Thread(this::read);
        reader.start();
    }

    void ask(String request, Consumer<String> answer) throws InterruptedException {
        // A full queue with requests still in our buffer would wait for ever.
        if (waiting.remainingCapacity() == 0) flush();
        waiting.put(answer);
        try {
            requests.write(request.getBytes(StandardCharsets.UTF_8));
            requests.write('\n');
        } catch (IOException e) {
            dead = true;
        }
    }

    private void flush() {
        try {
            requests.flush();
        } catch (IOException e) {
            dead = true;
        }
    }

    private void read() {
        try {
            for (Consumer<String> next = waiting.take(); next != END; next = waiting.take()) {
                String answer = null;
                try {
                    answer = answers.readLine();
                } catch (IOException e) {
                    dead = true;
                }
                next.accept(answer);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for the last answer; false if the driver ended badly. */
    boolean finish() throws InterruptedException {
        flush();
        waiting.put(END);
        try {
            requests.close();
        } catch (IOException e) {
            dead = true;
        }
        reader.join();
        return process.waitFor() == 0 && !dead;
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
