// Hosts written down; both HTTP clients of the JDK.
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Program {
    static final String PATH = "1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/hello/invocations";

    public static void main(String[] args) throws Exception {
        for (String scheme : new String[] {"http", "https"}) {
            HttpURLConnection connection = (HttpURLConnection) new URL(scheme + "://" + PATH).openConnection();
            connection.setRequestMethod("POST");
            connection.setDoOutput(true);
            connection.getOutputStream().write(("java by " + scheme).getBytes());
            System.out.println(new String(connection.getInputStream().readAllBytes()));
            HttpRequest request = HttpRequest.newBuilder(URI.create(scheme + "://" + PATH))
                .version(HttpClient.Version.HTTP_1_1)
                .POST(HttpRequest.BodyPublishers.ofString("client by " + scheme))
                .build();
            System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
        }
    }
}
