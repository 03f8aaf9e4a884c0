package org.dpocket.core;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Locale;

/** From files that a person picked to one capture: a package, or the PGM files of two views. */
final class PairFiles {
    private static final int RAW_BITS = 10;
    private static final double GAMMA_OF_8_BIT = 2.2;

    private PairFiles() {}

    /** @throws DpException where the files are not one capture, in words that say what to pick */
    static Dpz read(List<Device.Source> files) throws DpException, IOException {
        byte[][] contents = new byte[files.size()][];
        for (int i = 0; i < contents.length; i++) {
            InputStream in = files.get(i).open();
            try {
                contents[i] = BoundedZip.bytes(in, files.get(i).name());
            } finally {
                in.close();
            }
        }
        if (contents.length == 1 && isZip(contents[0])) {
            return Dpz.read(contents[0], files.get(0).name());
        }
        if (contents.length != 2) {
            throw new DpException(contents.length == 1
                ? files.get(0).name() + " is no capture package; pick a .dpz, or the PGM files of the left and the right view together"
                : contents.length + " files were picked; pick one .dpz, or the PGM files of the left and the right view");
        }
        int left = leftOf(files.get(0).name(), files.get(1).name());
        return pair(files.get(left).name(), contents[left], files.get(1 - left).name(), contents[1 - left]);
    }

    private static boolean isZip(byte[] content) {
        return content.length > 1 && content[0] == 'P' && content[1] == 'K';
    }

    /** Which of two names is the left view's. */
    private static int leftOf(String first, String second) throws DpException {
        boolean isFirst = side(first) < 0 && side(second) > 0;
        boolean isSecond = side(first) > 0 && side(second) < 0;
        if (!isFirst && !isSecond) {
            throw new DpException("'" + first + "' and '" + second
                + "' do not say which view is which; call them ..._left.pgm and ..._right.pgm");
        }
        return isFirst ? 0 : 1;
    }

    /** Negative for a left view's name, positive for a right one's, 0 for neither: the word that comes last counts. */
    private static int side(String name) {
        String small = name.toLowerCase(Locale.ROOT);
        int left = small.lastIndexOf("left");
        int right = small.lastIndexOf("right");
        return left == right ? 0 : left > right ? -1 : 1;
    }

    private static Dpz pair(String leftName, byte[] leftFile, String rightName, byte[] rightFile) throws DpException {
        PgmReader.Pgm left = PgmReader.read(leftFile, leftName);
        PgmReader.Pgm right = PgmReader.read(rightFile, rightName);
        if (left.width != right.width || left.height != right.height || left.maxval != right.maxval) {
            throw new DpException(leftName + " is " + left.width + "×" + left.height + " and " + rightName + " is " + right.width + "×"
                + right.height + "; pick two views of one capture");
        }
        return new Dpz(name(leftName), sensor(left), view(left), view(right), null, null);
    }

    /** As the desktop takes such files: the capture app's levels for its size, else 16 bit linear and 8 bit of gamma 2.2. */
    private static Dpz.Sensor sensor(PgmReader.Pgm pgm) throws DpException {
        if (pgm.width == Radiometry.APP_WIDTH && pgm.height == Radiometry.APP_HEIGHT && pgm.maxval == Radiometry.APP_WHITE) {
            return new Dpz.Sensor(Radiometry.APP_BLACK, Radiometry.APP_WHITE, RAW_BITS, "horizontal", 1, Radiometry.APP_ASPECT, 0,
                "", "");
        }
        boolean isSmall = pgm.maxval < 256;
        return new Dpz.Sensor(0, isSmall ? 255 : 65535, isSmall ? 8 : 16, "horizontal", isSmall ? GAMMA_OF_8_BIT : 1, 1, 0, "", "");
    }

    private static Dpz.View view(PgmReader.Pgm pgm) throws DpException {
        return new Dpz.View(pgm.samples, pgm.height, pgm.width, pgm.maxval < 256 ? 1 : 2);
    }

    private static String name(String leftName) {
        String stem = leftName.replaceAll("(?i)[_\\-. ]*left.*$", "");
        return stem.isEmpty() ? "capture" : stem;
    }
}
