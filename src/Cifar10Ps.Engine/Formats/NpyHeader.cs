using System.Globalization;

namespace Cifar10Ps.Formats;

/// <summary>
/// The header of a NumPy array: a dictionary in Python's notation, <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (10, 64), }</c>.
/// Only that is accepted; nothing is evaluated.
/// </summary>
/// <param name="Type">Byte order, kind and size of an element: <c>&lt;f4</c>.</param>
/// <param name="IsFortran">Whether the first dimension is the fastest, not the last.</param>
/// <param name="Shape">Sizes of the dimensions; none for a single value.</param>
internal sealed record NpyHeader(string Type, bool IsFortran, int[] Shape)
{
    // NumPy's own limit.
    private const int DimensionLimit = 64;

    /// <summary>Parses a header.</summary>
    /// <exception cref="InvalidDataException">It is not valid.</exception>
    public static NpyHeader Parse(string text)
    {
        string? type = null;
        bool? isFortran = null;
        int[]? shape = null;
        Scanner scanner = new(text);
        scanner.Expect('{');
        while (!scanner.Skip('}'))
        {
            string key = scanner.ReadText();
            scanner.Expect(':');
            switch (key)
            {
                case "descr" when type is null: type = scanner.ReadText(); break;
                case "fortran_order" when isFortran is null: isFortran = scanner.ReadBoolean(); break;
                case "shape" when shape is null: shape = scanner.ReadTuple(); break;
                default: throw scanner.Invalid();
            }

            if (scanner.Skip(','))
                continue;
            scanner.Expect('}');
            break;
        }

        if (!scanner.IsAtEnd || type is null || isFortran is null || shape is null)
            throw scanner.Invalid();
        return new NpyHeader(type, isFortran.Value, shape);
    }

    /// <summary>The header as NumPy writes it.</summary>
    public override string ToString() =>
        $"{{'descr': '{Type}', 'fortran_order': {IsFortran}, 'shape': ({string.Join(", ", Shape)}{(Shape.Length == 1 ? "," : "")}), }}";

    /// <summary>Splits a text into tokens; spaces between them are ignored.</summary>
    private ref struct Scanner(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text.TrimStart();

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public bool Skip(char part)
        {
            bool isThere = _rest.StartsWith(part);
            if (isThere)
                Take(1);
            return isThere;
        }

        public void Expect(char part)
        {
            if (!Skip(part))
                throw Invalid();
        }

        public string ReadText()
        {
            int length = _rest is ['\'' or '"', ..] ? _rest[1..].IndexOf(_rest[0]) : -1;
            if (length < 0)
                throw Invalid();
            string text = _rest.Slice(1, length).ToString();
            Take(length + 2);
            return text;
        }

        public bool ReadBoolean()
        {
            bool value = _rest.StartsWith("True");
            if (!value && !_rest.StartsWith("False"))
                throw Invalid();
            Take(value ? 4 : 5);
            return value;
        }

        public int[] ReadTuple()
        {
            List<int> numbers = [];
            Expect('(');
            while (!Skip(')'))
            {
                int end = _rest.IndexOfAnyExceptInRange('0', '9');
                if (numbers.Count == DimensionLimit
                    || end < 0 || !int.TryParse(_rest[..end], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                    throw Invalid();
                numbers.Add(number);
                Take(end);
                // In Python a number in parentheses is not a tuple: a single element needs a comma.
                if (!Skip(',') && (numbers.Count == 1 || _rest is not [')', ..]))
                    throw Invalid();
            }

            return [.. numbers];
        }

        public readonly InvalidDataException Invalid() =>
            new($"its header cannot be understood {(IsAtEnd ? "at its end" : $"from '{_rest[..Math.Min(_rest.Length, 20)]}' on")}");

        private void Take(int length) => _rest = _rest[length..].TrimStart();
    }
}
