package org.dpocket.app;

import android.content.Context;
import android.content.res.ColorStateList;
import android.util.TypedValue;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.ScrollView;
import android.widget.TextView;
import java.util.List;
import org.dpocket.core.Labels;
import org.dpocket.core.Session;
import org.dpocket.core.Stage;

/** The widgets of the screen: two rows of buttons, the stage, a message and the report. */
final class ScreenLayout {
    /** Is told which button was pressed. */
    interface Listener {
        void pressed(Labels.Button button);
    }

    private static final int BUTTON = 0xFF2A3138;
    private static final int CHOSEN = 0xFF3D6A9E;
    private static final int DISABLED = 0xFF626B73;
    private static final float TEXT_SP = 13;
    private static final float BUTTON_SP = 12;

    private final Context context;
    private final Listener listener;
    private final LinearLayout root;
    private final LinearLayout actions;
    private final LinearLayout modes;
    private final ProgressBar spinner;
    private final StageView stage;
    private final TextView message;
    private final TextView report;

    ScreenLayout(Context context, Listener listener) {
        this.context = context;
        this.listener = listener;
        boolean isWide = context.getResources().getDisplayMetrics().widthPixels
            > context.getResources().getDisplayMetrics().heightPixels;
        LinearLayout controls = column();
        actions = row(controls);
        modes = row(controls);
        spinner = new ProgressBar(context);
        spinner.setIndeterminate(true);
        controls.addView(spinner, new LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, px(32)));
        stage = new StageView(context);
        LinearLayout words = column();
        words.setPadding(px(16), px(4), px(16), px(12));
        message = text(words, Stage.WARNING);
        message.setAccessibilityLiveRegion(View.ACCESSIBILITY_LIVE_REGION_POLITE);
        report = text(words, Stage.TEXT);
        report.setTextIsSelectable(true);
        ScrollView scroll = new ScrollView(context);
        scroll.addView(words);
        root = column();
        root.setBackgroundColor(Stage.BACKGROUND);
        // From API 35 on windows reach under the system's bars.
        root.setFitsSystemWindows(true);
        if (isWide) {
            root.setOrientation(LinearLayout.HORIZONTAL);
            root.addView(stage, new LinearLayout.LayoutParams(0, ViewGroup.LayoutParams.MATCH_PARENT, 1));
            LinearLayout side = column();
            side.addView(controls);
            side.addView(scroll, new LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 0, 1));
            root.addView(side, new LinearLayout.LayoutParams(0, ViewGroup.LayoutParams.MATCH_PARENT, 1));
        } else {
            root.addView(controls);
            root.addView(stage, new LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 0, 3));
            root.addView(scroll, new LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 0, 1));
        }
    }

    StageView stage() {
        return stage;
    }

    View root() {
        return root;
    }

    void show(Session session) {
        fill(actions, Labels.actions(session));
        fill(modes, Labels.modes(session));
        spinner.setVisibility(session.isBusy() ? View.VISIBLE : View.INVISIBLE);
        message.setText(session.message());
        message.setVisibility(session.message().isEmpty() ? View.GONE : View.VISIBLE);
        report.setText(session.report());
        stage.show(session.gallery());
    }

    private LinearLayout column() {
        LinearLayout column = new LinearLayout(context);
        column.setOrientation(LinearLayout.VERTICAL);
        return column;
    }

    private LinearLayout row(LinearLayout parent) {
        LinearLayout row = new LinearLayout(context);
        row.setPadding(px(8), px(6), px(8), 0);
        parent.addView(row);
        return row;
    }

    /** Buttons are made once and change their words, so that a screen reader keeps its place. */
    private void fill(LinearLayout row, List<Labels.Button> labels) {
        for (int i = 0; i < labels.size(); i++) {
            final Labels.Button label = labels.get(i);
            Button button = i < row.getChildCount() ? (Button) row.getChildAt(i) : added(row);
            button.setText(label.label);
            button.setEnabled(label.works);
            button.setSelected(label.isChosen);
            button.setTextColor(label.works ? Stage.TEXT : DISABLED);
            button.setBackgroundTintList(ColorStateList.valueOf(label.isChosen ? CHOSEN : BUTTON));
            button.setLayoutParams(new LinearLayout.LayoutParams(0, ViewGroup.LayoutParams.WRAP_CONTENT, label.weight()));
            button.setOnClickListener(new View.OnClickListener() {
                @Override
                public void onClick(View pressed) {
                    listener.pressed(label);
                }
            });
        }
    }

    private Button added(LinearLayout row) {
        Button button = new Button(context);
        button.setAllCaps(false);
        button.setSingleLine(true);
        button.setPadding(0, 0, 0, 0);
        button.setTextSize(TypedValue.COMPLEX_UNIT_SP, BUTTON_SP);
        row.addView(button);
        return button;
    }

    private TextView text(LinearLayout parent, int colour) {
        TextView text = new TextView(context);
        text.setTextSize(TypedValue.COMPLEX_UNIT_SP, TEXT_SP);
        text.setTextColor(colour);
        parent.addView(text);
        return text;
    }

    private int px(int dp) {
        return Math.round(dp * context.getResources().getDisplayMetrics().density);
    }
}
