package org.dpocket.core;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A strict reader of JSON (RFC 8259) for files that may come from anywhere: bounded in length and depth, no name twice in an
 * object. Objects become {@link LinkedHashMap}, arrays {@link ArrayList}, numbers {@link Double}, and null is null.
 */
public final class Json {
    /** Characters of a text; contracts and golden vectors have some ten thousand. */
    public static final int LONGEST = 4 << 20;
    public static final int DEEPEST = 32;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The value that {@code text} holds, and nothing after it. @throws DpException that says where the text is no JSON */
    public static Object parse(String text) throws DpException {
        if (text.length() > LONGEST) {
            throw new DpException("a JSON text of " + text.length() + " characters is longer than the " + LONGEST + " read here");
        }
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.space();
        if (reader.at < text.length()) {
            throw reader.bad("nothing more");
        }
        return value;
    }

    /** The same, where an object is expected; {@code what} names it in messages. */
    public static Fields fields(String text, String what) throws DpException {
        return new Fields(parse(text), what);
    }

    private Object value(int depth) throws DpException {
        if (depth > DEEPEST) {
            throw new DpException("the JSON text is nested more than " + DEEPEST + " deep");
        }
        space();
        char next = peek();
        if (next == '{') {
            return object(depth);
        }
        if (next == '[') {
            return array(depth);
        }
        if (next == '"') {
            return string();
        }
        if (next == '-' || isDigit(next)) {
            return number();
        }
        for (String word : new String[] {"true", "false", "null"}) {
            if (text.startsWith(word, at)) {
                at += word.length();
                return word.equals("null") ? null : Boolean.valueOf(word);
            }
        }
        throw bad("a value");
    }

    private Map<String, Object> object(int depth) throws DpException {
        Map<String, Object> members = new LinkedHashMap<String, Object>();
        at++;
        space();
        if (skip('}')) {
            return members;
        }
        do {
            space();
            if (peek() != '"') {
                throw bad("a name in quotes");
            }
            String name = string();
            space();
            expect(':');
            if (members.containsKey(name)) {
                throw new DpException("the JSON text has the name '" + name + "' twice in one object");
            }
            members.put(name, value(depth + 1));
            space();
        } while (skip(','));
        expect('}');
        return members;
    }

    private List<Object> array(int depth) throws DpException {
        List<Object> items = new ArrayList<Object>();
        at++;
        space();
        if (skip(']')) {
            return items;
        }
        do {
            items.add(value(depth + 1));
            space();
        } while (skip(','));
        expect(']');
        return items;
    }

    private String string() throws DpException {
        StringBuilder read = new StringBuilder();
        at++;
        while (true) {
            char next = peek();
            if (next < ' ') {
                throw bad("a character of a string");
            }
            at++;
            if (next == '"') {
                return read.toString();
            }
            read.append(next == '\\' ? escaped() : next);
        }
    }

    private char escaped() throws DpException {
        char code = peek();
        at++;
        int place = "\"\\/bfnrt".indexOf(code);
        if (place >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(place);
        }
        if (code != 'u' || at + 4 > text.length()) {
            at--;
            throw bad("an escape");
        }
        int unit = 0;
        for (int i = 0; i < 4; i++) {
            int digit = Character.digit(text.charAt(at), 16);
            if (digit < 0 || text.charAt(at) > 'f') {
                throw bad("a hexadecimal digit");
            }
            unit = unit * 16 + digit;
            at++;
        }
        return (char) unit;
    }

    private Double number() throws DpException {
        int start = at;
        skip('-');
        if (!skip('0')) {
            digits();
        }
        if (skip('.')) {
            digits();
        }
        if (skip('e') || skip('E')) {
            if (!skip('+')) {
                skip('-');
            }
            digits();
        }
        double value = Double.parseDouble(text.substring(start, at));
        if (Double.isInfinite(value)) {
            throw new DpException("the JSON text has a number that no double holds: " + text.substring(start, at));
        }
        return value;
    }

    private void digits() throws DpException {
        if (!isDigit(peek())) {
            throw bad("a digit");
        }
        while (at < text.length() && isDigit(text.charAt(at))) {
            at++;
        }
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() throws DpException {
        if (at >= text.length()) {
            throw new DpException("the JSON text ends in the middle of a value; copy or make the file again");
        }
        return text.charAt(at);
    }

    private boolean skip(char wanted) {
        boolean isThere = at < text.length() && text.charAt(at) == wanted;
        at += isThere ? 1 : 0;
        return isThere;
    }

    private void expect(char wanted) throws DpException {
        if (peek() != wanted) {
            throw bad("'" + wanted + "'");
        }
        at++;
    }

    private DpException bad(String wanted) {
        String found = text.substring(at, Math.min(text.length(), at + 12));
        return new DpException("no JSON: " + wanted + " was expected at character " + at + ", '" + found + "' was found");
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }
}
