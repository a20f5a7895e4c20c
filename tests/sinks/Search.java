import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One OpenSearch node on loopback. Search FOLDER PORT: HTTP on PORT, transport on PORT + 1. */
public class Search {
    public static void main(String[] words) throws Exception {
        int port = Integer.parseInt(words[1]);
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", Integer.toString(port));
            settings.put("transport.port", Integer.toString(port + 1));
            settings.put("discovery.type", "single-node");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        runner.build(OpenSearchRunner.newConfigs().basePath(words[0]).clusterName("picket")
                .numOfNode(1).useLogger().printOnFailure());
        Thread.currentThread().join();
    }
}
