package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.dpocket.engine.Engine;
import org.junit.Test;

/** A device that computes other integers than the reference is told apart, and the user is told. */
public class SelfTestTest {
    private static final String CONTRACT = ContractTest.TEXT.replace(
        "\"float32\", \"shape\": [1, 1, 4, 6]", "\"int8\", \"shape\": [1, 1, 4, 6]").replace(
        "\"scale\": null, \"zero_point\": null", "\"scale\": 0.1, \"zero_point\": 0");

    /** Gives the sum of the first bytes of both views everywhere, and something else in the first {@code wrong} cells. */
    private static final class Sum implements Engine {
        private final int wrong;

        Sum(int wrong) {
            this.wrong = wrong;
        }

        @Override
        public String runtime() {
            return "A runtime";
        }

        @Override
        public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) {
            ByteBuffer out = outputs.get("disparity");
            for (int i = 0; i < out.capacity(); i++) {
                out.put(i, (byte) (inputs.get("left").get(0) + inputs.get("right").get(0) + (i < wrong ? 3 : 0)));
            }
        }

        @Override
        public void close() {}
    }

    @Test
    public void theSameIntegersAgree() throws Exception {
        SelfTest.Result result = SelfTest.run(new Sum(0), Contract.parse(CONTRACT), pairs("int8", 96));
        assertTrue(result.agrees);
        assertEquals(24, result.compared);
        assertEquals("A runtime on this device agrees with the reference: 0 integers differ of 24 values in 1 golden pair.",
            result.sentence);
    }

    @Test
    public void differingIntegersAreCounted() throws Exception {
        SelfTest.Result result = SelfTest.run(new Sum(5), Contract.parse(CONTRACT), pairs("int8", 96));
        assertTrue(!result.agrees);
        assertEquals(5, result.differing);
        assertEquals(3.0, result.largest, 0);
        assertTrue(result.sentence, result.sentence.contains("5 of 24 integers differ, 'disparity' by up to 3 steps"));
    }

    @Test
    public void aPairOfAnotherModelIsRefused() throws Exception {
        for (List<Vectors.Case> golden : Arrays.asList(pairs("uint8", 96), pairs("int8", 95),
            Collections.<Vectors.Case>emptyList())) {
            try {
                SelfTest.run(new Sum(0), Contract.parse(CONTRACT), golden);
                fail("taken");
            } catch (DpException e) {
                assertTrue(e.getMessage(), e.getMessage().contains("build the app anew"));
            }
        }
    }

    /** One pair: left all 1, right all 2, disparity all 3. */
    private static List<Vectors.Case> pairs(String dtype, int inputs) throws DpException {
        byte[] data = new byte[216];
        Arrays.fill(data, 0, 96, (byte) 1);
        Arrays.fill(data, 96, 192, (byte) 2);
        Arrays.fill(data, 192, 216, (byte) 3);
        String array = "\"%s\": {\"dtype\": \"%s\", \"shape\": [%d], \"offset\": %d}";
        List<String> arrays = new ArrayList<String>();
        arrays.add(String.format(Locale.ROOT, array, "input.left", dtype, inputs, 0));
        arrays.add(String.format(Locale.ROOT, array, "input.right", dtype, inputs, 96));
        arrays.add(String.format(Locale.ROOT, array, "output.disparity", "int8", 24, 192));
        String json = "{\"format\": \"dpocket-vectors\", \"version\": 1, \"bytes\": 216, \"sha256\": \"" + Sha256.of(data)
            + "\", \"cases\": [{\"kind\": \"pair\", \"name\": \"p\", \"settings\": {}, \"arrays\": {" + arrays.get(0) + ", "
            + arrays.get(1) + ", " + arrays.get(2) + "}}]}";
        return Vectors.read(json, data);
    }
}
