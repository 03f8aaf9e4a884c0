package org.dpocket.core;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.dpocket.engine.Engine;

/** Whether this device computes what the reference computes: an engine on the inputs of golden pairs, integer by integer. */
public final class SelfTest {
    /** Share of the valid range that real outputs may be off by: roundings in another order part floats, never integers. */
    public static final double FLOAT_TOLERANCE = 2e-6;

    /** What came out. */
    public static final class Result {
        /** Whether no integer differs, and no real number by more than the tolerance. */
        public final boolean agrees;
        /** Values compared, and those that differ. */
        public final long compared;
        public final long differing;
        /** The largest difference: in steps of integers, in units of real outputs. */
        public final double largest;
        /** That, in a sentence for the user. */
        public final String sentence;

        Result(long compared, long differing, double largest, String sentence) {
            this.agrees = differing == 0;
            this.compared = compared;
            this.differing = differing;
            this.largest = largest;
            this.sentence = sentence;
        }
    }

    private long compared;
    private long differing;
    private double largest;
    private String worst = "";

    private SelfTest() {}

    /**
     * Runs {@code engine} on every case "pair" of {@code golden} ({@code python -m runtime_py.golden --pair}).
     *
     * @throws DpException where there is none, where one does not fit the contract, or where the engine fails
     */
    public static Result run(Engine engine, Contract contract, List<Vectors.Case> golden) throws DpException {
        SelfTest test = new SelfTest();
        int pairs = 0;
        for (Vectors.Case pair : golden) {
            if (pair.kind.equals("pair")) {
                test.compare(engine, contract, pair);
                pairs++;
            }
        }
        if (pairs == 0) {
            throw new DpException("the model comes without a golden pair, so this device cannot be checked; build the app anew");
        }
        return new Result(test.compared, test.differing, test.largest, test.sentence(engine, contract, pairs));
    }

    private void compare(Engine engine, Contract contract, Vectors.Case pair) throws DpException {
        Map<String, ByteBuffer> inputs = new HashMap<String, ByteBuffer>();
        Map<String, ByteBuffer> outputs = new HashMap<String, ByteBuffer>();
        for (TensorSpec spec : contract.inputs) {
            inputs.put(spec.name, checked(pair, "input." + spec.name, spec).direct());
        }
        for (TensorSpec spec : contract.outputs) {
            checked(pair, "output." + spec.name, spec);
            outputs.put(spec.name, spec.buffer());
        }
        engine.run(inputs, outputs);
        for (TensorSpec spec : contract.outputs) {
            count(spec, outputs.get(spec.name), pair.array("output." + spec.name).direct());
        }
    }

    private static Vectors.Stored checked(Vectors.Case pair, String name, TensorSpec spec) throws DpException {
        Vectors.Stored stored = pair.array(name);
        if (!stored.dtype.equals(spec.dtype) || stored.count != spec.count()) {
            throw new DpException("the golden pair's '" + name + "' is " + stored.dtype + " with " + stored.count
                + " values, the contract's is " + spec.dtype + " with " + spec.count() + "; build the app anew");
        }
        return stored;
    }

    private void count(TensorSpec spec, ByteBuffer found, ByteBuffer wanted) {
        double tolerance = spec.isReal() ? FLOAT_TOLERANCE * (spec.high - spec.low) : 0;
        for (int i = 0; i < spec.count(); i++) {
            double difference = spec.isReal()
                ? Math.abs((double) found.getFloat(4 * i) - wanted.getFloat(4 * i))
                : Math.abs((found.get(i) & 0xFF) - (wanted.get(i) & 0xFF));
            if (spec.dtype.equals("int8")) {
                difference = Math.abs(found.get(i) - wanted.get(i));
            }
            differing += difference <= tolerance ? 0 : 1;
            if (!(difference <= largest)) {
                largest = difference;
                worst = spec.name;
            }
        }
        compared += spec.count();
    }

    private String sentence(Engine engine, Contract contract, int pairs) throws DpException {
        String where = engine.runtime() + " on this device";
        boolean isReal = contract.output(Contract.DISPARITY).isReal();
        if (differing == 0) {
            return String.format(Locale.ROOT, "%s agrees with the reference: %s of %d values in %d golden pair%s.", where,
                isReal ? String.format(Locale.ROOT, "no difference above %.2g", largest) : "0 integers differ", compared, pairs,
                pairs == 1 ? "" : "s");
        }
        return String.format(Locale.ROOT, "%s disagrees with the reference: %d of %d %s differ, '%s' by up to %s. Results are not to be"
            + " trusted; try the other runtime.", where, differing, compared, isReal ? "values" : "integers", worst,
            isReal ? String.format(Locale.ROOT, "%.2g", largest) : (long) largest + (largest == 1 ? " step" : " steps"));
    }
}
