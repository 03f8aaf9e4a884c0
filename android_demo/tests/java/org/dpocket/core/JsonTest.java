package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.Test;

/** JSON is read strictly, and what is none ends in a sentence whatever it is. */
public class JsonTest {
    @Test
    public void valuesOfEveryKindAreRead() throws Exception {
        Map<?, ?> read = (Map<?, ?>) Json.parse(" {\"a\": [1, -2.5e1, true, null, \"\\u00e9\\n\\\"\"], \"b\": {}, \"c\": 0.1} ");
        List<?> items = (List<?>) read.get("a");
        assertEquals(Arrays.asList(1.0, -25.0, true), items.subList(0, 3));
        assertNull(items.get(3));
        assertEquals("\u00e9\n\"", items.get(4));
        assertEquals(0.1, read.get("c"));
        assertTrue(((Map<?, ?>) read.get("b")).isEmpty());
    }

    @Test
    public void whatIsNoJsonIsRefused() {
        for (String text : new String[] {"", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "+1", ".5", "1e", "NaN", "Infinity", "'a'", "\"a",
            "\"\\x\"", "\"\\u12g4\"", "\"\t\"", "[1] 2", "{a: 1}", "{\"a\" 1}", "tru", "1e999", "{\"a\":1,\"a\":2}", "[1 2]", "\"\\u12"}) {
            refused(text);
        }
    }

    @Test
    public void depthAndLengthAreLimited() throws Exception {
        String deep = "";
        for (int i = 0; i < Json.DEEPEST; i++) {
            deep = "[" + deep + "]";
        }
        Json.parse(deep);
        refused("[[" + deep + "]]");
        char[] blank = new char[Json.LONGEST + 1];
        Arrays.fill(blank, ' ');
        refused(new String(blank) + "1");
    }

    @Test
    public void damagedTextsEndInASentence() throws Exception {
        String sound = Golden.description().substring(0, 3000);
        Random random = new Random(3);
        for (int i = 0; i < 2000; i++) {
            StringBuilder text = new StringBuilder(sound.substring(0, 3 + random.nextInt(sound.length() - 3)));
            for (int j = random.nextInt(4); j >= 0; j--) {
                text.setCharAt(random.nextInt(text.length()), "{}[]\",:\\u0e-9x\0".charAt(random.nextInt(15)));
            }
            refused(text.toString());
        }
    }

    @Test
    public void aMissingMemberIsNamed() throws Exception {
        Fields fields = Json.fields("{\"a\": 1.5, \"b\": \"x\", \"n\": null}", "the file");
        assertEquals("the file has no 'z'", message(fields, "z"));
        assertEquals("'b' of the file is a text where a number was expected", message(fields, "b"));
        assertEquals("'n' of the file is null where a number was expected", message(fields, "n"));
        assertTrue(message(fields, "a").contains("1.5 where an integer"));
        assertTrue(!fields.has("n"));
    }

    private static String message(Fields fields, String name) {
        try {
            fields.integer(name);
        } catch (DpException e) {
            return e.getMessage();
        }
        return "nothing";
    }

    private static void refused(String text) {
        try {
            Json.parse(text);
        } catch (DpException e) {
            assertTrue(e.getMessage().length() > 10);
            return;
        }
        fail("read as JSON: " + text.substring(0, Math.min(80, text.length())));
    }
}
