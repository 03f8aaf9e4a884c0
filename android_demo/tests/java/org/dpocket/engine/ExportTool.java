package org.dpocket.engine;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import org.dpocket.core.Backend;
import org.dpocket.core.Contract;
import org.dpocket.core.Device;
import org.dpocket.core.DpException;
import org.dpocket.core.Timing;
import org.dpocket.core.Workbench;

/**
 * The app without its screen: opens the LiteRT model of a folder of assets, runs it on picked files and exports a package.
 *
 * <p>Arguments: ASSETS FOLDER MODEL OUT FILE...
 */
public final class ExportTool {
    private ExportTool() {}

    public static void main(String[] arguments) throws Exception {
        final File assets = new File(arguments[0]);
        Backend litert = new Backend("LiteRT", "litert", arguments[2], "xnnpack") {
            @Override
            public Engine open(File file, Contract contract) throws DpException {
                return LiteRtEngine.open(ModelFile.read(file), contract, 1);
            }
        };
        Workbench bench = new Workbench(new Backend.Assets() {
            @Override
            public InputStream open(String name) throws IOException {
                return new FileInputStream(new File(assets, name));
            }
        }, new File(arguments[1]), Arrays.asList(litert), null, "0.1.0");
        System.out.println(bench.open("LiteRT").selfTest);
        Device.Source[] picked = new Device.Source[arguments.length - 4];
        for (int i = 0; i < picked.length; i++) {
            picked[i] = source(new File(arguments[4 + i]));
        }
        Device.Views views = bench.load(Arrays.asList(picked));
        Device.Found found = bench.run(views, new Timing());
        OutputStream out = new FileOutputStream(arguments[3]);
        bench.export(views, found, out);
        out.close();
        bench.close();
    }

    private static Device.Source source(final File file) {
        return new Device.Source() {
            @Override
            public String name() {
                return file.getName();
            }

            @Override
            public InputStream open() throws IOException {
                return new FileInputStream(file);
            }
        };
    }
}
