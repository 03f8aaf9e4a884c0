// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "DPocket",
    // int8 packages need these systems; see docs/COREML.md.
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "DPocket", targets: ["DPocket"])],
    targets: [.target(name: "DPocket")]
)
