package org.dpocket.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A JSON object whose members are asked for by name and type; every complaint names the member and what it is part of. */
public final class Fields {
    private final Map<?, ?> members;
    private final String what;

    /** @throws DpException where {@code value} is no object */
    public Fields(Object value, String what) throws DpException {
        if (!(value instanceof Map)) {
            throw new DpException(what + " is " + kind(value) + " where a JSON object was expected");
        }
        this.members = (Map<?, ?>) value;
        this.what = what;
    }

    /** Names in the order of the text. */
    public Set<?> names() {
        return Collections.unmodifiableSet(members.keySet());
    }

    /** Whether {@code name} is there and not null. */
    public boolean has(String name) {
        return members.get(name) != null;
    }

    public String text(String name) throws DpException {
        return (String) typed(name, String.class, "a text");
    }

    public boolean flag(String name) throws DpException {
        return (Boolean) typed(name, Boolean.class, "true or false");
    }

    public double number(String name) throws DpException {
        return (Double) typed(name, Double.class, "a number");
    }

    public int integer(String name) throws DpException {
        return integer(number(name), "'" + name + "' of " + what);
    }

    public Fields object(String name) throws DpException {
        return new Fields(typed(name, Map.class, "a JSON object"), "'" + name + "' of " + what);
    }

    public double[] numbers(String name) throws DpException {
        List<?> items = list(name);
        double[] values = new double[items.size()];
        for (int i = 0; i < values.length; i++) {
            if (!(items.get(i) instanceof Double)) {
                throw wrong(name, "a list of numbers", items.get(i));
            }
            values[i] = (Double) items.get(i);
        }
        return values;
    }

    public int[] integers(String name) throws DpException {
        double[] values = numbers(name);
        int[] integers = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            integers[i] = integer(values[i], "'" + name + "' of " + what);
        }
        return integers;
    }

    public List<Fields> objects(String name) throws DpException {
        List<Fields> objects = new ArrayList<Fields>();
        for (Object item : list(name)) {
            objects.add(new Fields(item, "an item of '" + name + "' of " + what));
        }
        return objects;
    }

    private List<?> list(String name) throws DpException {
        return (List<?>) typed(name, List.class, "a list");
    }

    private Object typed(String name, Class<?> type, String wanted) throws DpException {
        if (!members.containsKey(name)) {
            throw new DpException(what + " has no '" + name + "'");
        }
        Object value = members.get(name);
        if (!type.isInstance(value)) {
            throw wrong(name, wanted, value);
        }
        return value;
    }

    private DpException wrong(String name, String wanted, Object found) {
        return new DpException("'" + name + "' of " + what + " is " + kind(found) + " where " + wanted + " was expected");
    }

    private static int integer(double value, String what) throws DpException {
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw new DpException(what + " is " + value + " where an integer of 32 bits was expected");
        }
        return (int) value;
    }

    private static String kind(Object value) {
        return value == null ? "null" : value instanceof String ? "a text" : value instanceof Double ? "a number"
            : value instanceof Boolean ? "true or false" : value instanceof List ? "a list" : "a JSON object";
    }
}
