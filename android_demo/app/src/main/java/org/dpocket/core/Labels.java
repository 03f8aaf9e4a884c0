package org.dpocket.core;

import java.util.ArrayList;
import java.util.List;

/** The buttons of the screen: their words, and whether they work now. */
public final class Labels {
    /** One button; exactly one of {@code action} and {@code mode} is set. */
    public static final class Button {
        public final Session.Action action;
        public final Gallery.Mode mode;
        public final String label;
        public final boolean works;
        public final boolean isChosen;

        /** Share of its row, so that all words of a row have the same room around them. */
        public int weight() {
            return label.length() + 4;
        }

        private Button(Session.Action action, Gallery.Mode mode, String label, boolean works, boolean isChosen) {
            this.action = action;
            this.mode = mode;
            this.label = label;
            this.works = works;
            this.isChosen = isChosen;
        }
    }

    private Labels() {}

    public static List<Button> actions(Session session) {
        List<Button> buttons = new ArrayList<Button>();
        buttons.add(action(session, Session.Action.OPEN, "Open"));
        buttons.add(action(session, Session.Action.CAPTURE, "Capture"));
        buttons.add(action(session, Session.Action.RUNTIME, session.runtime()));
        buttons.add(action(session, Session.Action.EXPORT, "Export"));
        return buttons;
    }

    public static List<Button> modes(Session session) {
        List<Button> buttons = new ArrayList<Button>();
        String[] labels = {"Picture", "Disparity", "Confidence", "Refocus", "Parallax"};
        for (Gallery.Mode mode : Gallery.Mode.values()) {
            boolean works = session.allows(Session.Action.MODE) && session.gallery().has(mode);
            buttons.add(new Button(null, mode, labels[mode.ordinal()], works, works && session.gallery().mode() == mode));
        }
        return buttons;
    }

    private static Button action(Session session, Session.Action action, String label) {
        return new Button(action, null, label, session.allows(action), false);
    }
}
