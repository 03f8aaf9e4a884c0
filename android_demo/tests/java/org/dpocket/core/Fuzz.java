package org.dpocket.core;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.util.Map;
import org.dpocket.engine.Engine;

/**
 * Damaged files from standard input, each as one byte of kind, four bytes of length and its content; a line for each on standard
 * output: "result", "refused" and the sentence, "memory", or "defect" and what was thrown.
 *
 * <p>A process that ends instead is a defect too; {@code android_demo/tools/fuzz.py} sees it.
 */
public final class Fuzz {
    private static final Charset UTF_8 = Charset.forName("UTF-8");
    private static final int LARGEST = 64 << 20;

    private final Contract contract;
    private final Models models;

    /** What takes files of the kinds that are not known here: those of models. */
    public interface Models {
        void take(char kind, byte[] data) throws Exception;
    }

    public Fuzz(Contract contract, Models models) {
        this.contract = contract;
        this.models = models;
    }

    /** CONTRACT: the file of a sound one. */
    public static void main(String[] arguments) throws Exception {
        new Fuzz(Contract.parse(text(arguments[0])), null).serve();
    }

    public static String text(String path) throws IOException {
        return new String(Files.readAllBytes(new File(path).toPath()), UTF_8);
    }

    /** Until standard input ends. */
    public void serve() throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out), false, "UTF-8");
        // Native code prints too.
        System.setOut(System.err);
        while (true) {
            int kind;
            byte[] data;
            try {
                kind = in.readUnsignedByte();
                data = new byte[Math.min(in.readInt(), LARGEST)];
                in.readFully(data);
            } catch (EOFException e) {
                return;
            }
            out.println(outcome((char) kind, data));
            out.flush();
        }
    }

    private String outcome(char kind, byte[] data) {
        try {
            take(kind, data);
            return "result";
        } catch (DpException e) {
            String sentence = e.getMessage();
            boolean isSentence = sentence != null && !sentence.isEmpty();
            return isSentence ? "refused " + oneLine(sentence) : "defect a refusal without a sentence";
        } catch (OutOfMemoryError e) {
            return "memory " + oneLine(Words.of(e));
        } catch (Throwable e) {
            StringWriter story = new StringWriter();
            e.printStackTrace(new PrintWriter(story));
            return "defect " + oneLine(story.toString());
        }
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s+", " ");
    }

    private void take(char kind, byte[] data) throws Exception {
        if (kind == 'd') {
            Dpz dpz = Dpz.read(data, "damaged.dpz");
            run(contract, dpz.linear(dpz.left), dpz.linear(dpz.right));
        } else if (kind == 'p') {
            PgmReader.Pgm pgm = PgmReader.read(data, "damaged.pgm");
            Plane light = Radiometry.linear(pgm.samples, pgm.height, pgm.width, 0, pgm.maxval);
            run(contract, light, light);
        } else if (kind == 'c') {
            Contract damaged = Contract.parse(new String(data, UTF_8));
            run(damaged, shade(), shade());
        } else if (models != null) {
            models.take(kind, data);
        } else {
            throw new IllegalArgumentException("no kind " + kind);
        }
    }

    /** Everything around a network that gives zeros. */
    private static void run(Contract contract, Plane left, Plane right) throws DpException {
        Engine zeros = new Engine() {
            @Override
            public String runtime() {
                return "none";
            }

            @Override
            public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) {}

            @Override
            public void close() {}
        };
        new Student(zeros, contract).predict(left, right, null);
    }

    /** A view that is not black. */
    public static Plane shade() {
        float[] values = new float[24 * 40];
        for (int i = 0; i < values.length; i++) {
            values[i] = 0.1f + i % 17 / 20f;
        }
        return new Plane(values, 24, 40);
    }
}
