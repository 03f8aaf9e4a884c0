package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import org.junit.Test;

/** A contract says what it means, and one that a student cannot keep is refused with the field. */
public class ContractTest {
    private static final String VIEW = "{\"name\": \"%s\", \"layout\": \"NCHW\", \"dtype\": \"int8\", \"shape\": [1, 1, 8, 12],"
        + " \"unit\": \"1\", \"valid_range\": [-3, 3], \"scale\": 0.02, \"zero_point\": -3, \"pixel_format\": \"\"}";
    private static final String DISPARITY = "{\"name\": \"disparity\", \"layout\": \"NCHW\", \"dtype\": \"float32\", \"shape\": [1, 1, 4, 6],"
        + " \"unit\": \"px\", \"sign\": \"x_left - x_right\", \"valid_range\": [-8, 8], \"scale\": null, \"zero_point\": null}";
    static final String TEXT = "{\"version\": 1, \"student\": \"s\", \"working_width\": 48, \"output_stride\": 2, \"dp_axis\": \"horizontal\","
        + " \"inputs\": [" + String.format(VIEW, "left") + ", " + String.format(VIEW, "right") + "], \"outputs\": [" + DISPARITY + "],"
        + " \"preprocess\": {\"box\": 31, \"floor\": 0.05, \"gain\": 4.0, \"limit\": 3.0}}";

    @Test
    public void fieldsAreRead() throws Exception {
        Contract contract = Contract.parse(TEXT);
        assertEquals(48, contract.workingWidth);
        assertEquals(12, contract.input("right").width());
        assertEquals(8, contract.input("left").height());
        assertEquals(-3, contract.input("left").zeroPoint);
        assertEquals(96, contract.input("left").buffer().capacity());
        assertEquals(96, contract.output("disparity").buffer().capacity());
        assertTrue(contract.output("disparity").isReal());
        assertTrue(!contract.hasConfidence());
        assertEquals(31, contract.preprocessing.box);
    }

    @Test
    public void whatAStudentCannotKeepIsRefused() {
        refused("\"version\": 1", "\"version\": 2", "has version 2");
        refused("\"name\": \"right\"", "\"name\": \"write\"", "no input 'right'; it has: left, write");
        refused("\"output_stride\": 2", "\"output_stride\": 4", "do not fit a disparity of 6×4 at stride 4");
        refused("\"dtype\": \"float32\"", "\"dtype\": \"bfloat16\"", "'disparity' as bfloat16");
        refused("\"scale\": 0.02", "\"scale\": 0", "no usable scale");
        refused("\"scale\": 0.02", "\"scale\": 1e-50", "no usable scale");
        refused("[1, 1, 8, 12]", "[1, 2, 8, 12]", "no shape of one plane");
        refused("[1, 1, 8, 12]", "[1, 1, 800000, 1200000]", "no phone's student");
        refused("\"working_width\": 48", "\"working_width\": 0", "working width of 0");
        refused("\"horizontal\"", "\"vertical\"", "not 'vertical'");
        refused("\"box\": 31", "\"box\": 1e9", "box");
        refused("\"student\": \"s\", ", "", "has no 'student'");
    }

    private static void refused(String there, String instead, String reason) {
        assertTrue(there, TEXT.contains(there));
        try {
            Contract.parse(TEXT.replace(there, instead));
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(reason));
            return;
        }
        fail(instead + " was taken");
    }
}
