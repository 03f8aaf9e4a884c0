package org.dpocket.core;

import java.util.List;
import java.util.Map;

/** JSON of maps, lists, strings, numbers, booleans and null, indented by one space a level. */
public final class JsonText {
    private final StringBuilder text = new StringBuilder();

    private JsonText() {}

    /** Throws IllegalArgumentException for any other class, and for numbers that JSON does not have. */
    public static String of(Object value) {
        JsonText written = new JsonText();
        written.add(value, "\n");
        return written.text.append('\n').toString();
    }

    private void add(Object value, String newline) {
        if (value instanceof Map) {
            addMap((Map<?, ?>) value, newline);
        } else if (value instanceof List) {
            addList((List<?>) value, newline);
        } else if (value instanceof String) {
            addString((String) value);
        } else if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            text.append(value);
        } else if (value instanceof Double && !((Double) value).isNaN() && !((Double) value).isInfinite()) {
            text.append(value);
        } else {
            throw new IllegalArgumentException("JSON has no " + value.getClass().getName() + " " + value);
        }
    }

    private void addMap(Map<?, ?> map, String newline) {
        String before = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            text.append(before).append(newline).append(' ');
            addString((String) entry.getKey());
            text.append(": ");
            add(entry.getValue(), newline + " ");
            before = ",";
        }
        text.append(map.isEmpty() ? "{}" : newline + "}");
    }

    private void addList(List<?> list, String newline) {
        String before = "[";
        for (Object item : list) {
            text.append(before).append(newline).append(' ');
            add(item, newline + " ");
            before = ",";
        }
        text.append(list.isEmpty() ? "[]" : newline + "]");
    }

    private void addString(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }
}
