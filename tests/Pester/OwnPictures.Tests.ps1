BeforeAll {
    . $PSScriptRoot/Setup.ps1

    # Ten white and ten black pictures of one pixel each.
    $white = [Convert]::FromBase64String('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=')
    $black = [byte[]] ($white[0..12] + @(0) * 6 + $white[19..34])
    foreach ($class in 'white', 'black') {
        $folder = New-Item "TestDrive:/tones [1]/$class" -ItemType Directory
        foreach ($i in 1..10) { [IO.File]::WriteAllBytes("$folder/$i.gif", (Get-Variable $class -ValueOnly)) }
    }
}

Describe 'Get-ImageDataset' {
    It 'reads a folder of pictures, given <how>' -ForEach @(
        @{ how = 'a literal path'; script = { Get-ImageDataset -LiteralPath 'TestDrive:/tones [1]' } }
        @{ how = 'a pattern'; script = { Get-ImageDataset 'TestDrive:/tones*' } }
        @{ how = 'Get-Item'; script = { Get-Item -LiteralPath 'TestDrive:/tones [1]' | Get-ImageDataset } }
    ) {
        $tones = & $script
        $tones.Classes | Should -Be 'black', 'white'
        $tones.Train.Count, $tones.Test.Count | Should -Be 16, 4
        ($tones.Test | Group-Object LabelName).Count | Should -Be 2
        $tones.Test.Path | ForEach-Object { Test-Path -LiteralPath $_ } | Should -Be (@($true) * 4)
    }

    It 'gives the same split each time, and another one for another seed' {
        $paths = (Get-ImageDataset 'TestDrive:/tones*').Test.Path
        (Get-ImageDataset 'TestDrive:/tones*').Test.Path | Should -Be $paths
        (Get-ImageDataset 'TestDrive:/tones*' -Seed 1).Test.Path | Should -Not -Be $paths
    }

    It 'names what it leaves out' {
        Copy-Item -LiteralPath 'TestDrive:/tones [1]' TestDrive:/damaged -Recurse
        Set-Content TestDrive:/damaged/white/bad.png 'no picture'
        $null = New-Item TestDrive:/damaged/grey -ItemType Directory

        $read = Get-ImageDataset TestDrive:/damaged -ErrorAction SilentlyContinue -ErrorVariable left

        $read.Train.Count + $read.Test.Count | Should -Be 20
        $left.FullyQualifiedErrorId | Sort-Object |
            Should -Be 'EmptyClass,Cifar10Ps.Commands.GetImageDatasetCommand', 'InvalidImageFile,Cifar10Ps.Commands.GetImageDatasetCommand'
    }

    It 'refuses <id>' -ForEach @(
        @{ script = { Get-ImageDataset TestDrive:/nowhere -ErrorAction Stop }; id = 'FileNotFound' }
        @{ script = { Get-ImageDataset 'TestDrive:/tones*/white' -ErrorAction Stop }; id = 'TooFewClasses' }
        @{ script = { Get-ImageDataset TestDrive:/ -ImageSize 4 }; id = 'ParameterArgumentValidationError' }
    ) {
        Get-ErrorId $script | Should -Be $id
    }
}

Describe 'A data set that is built' {
    It 'goes from files to folders of parts and back' {
        $tones = Get-ImageDataset 'TestDrive:/tones*' -TestFraction 0.2
        $tones | Export-Image TestDrive:/parts
        (Get-ChildItem TestDrive:/parts).Name | Should -Be 'test', 'train', 'validation'

        $again = Get-ImageDataset TestDrive:/parts -InformationVariable said 6>$null
        $again.TrainCount, $again.ValidationCount, $again.TestCount | Should -Be 12, 4, 4
        $said | Should -Match "'train' for training, 'validation' for validation, 'test' for testing"
        (New-ImageDataset $again.Train -Test $again.Test).TestCount | Should -Be 4
    }

    It 'comes from a CSV file' {
        $rows = Get-ChildItem -LiteralPath 'TestDrive:/tones [1]' -Recurse -File |
            Select-Object @{ n = 'file'; e = 'FullName' }, @{ n = 'tone'; e = { $_.Directory.Name } }
        $rows | Export-Csv TestDrive:/tones.csv

        $list = Import-Csv TestDrive:/tones.csv | New-ImageDataset -PathProperty file -LabelProperty tone
        $list.Classes | Should -Be 'black', 'white'
        $list.TrainCount, $list.TestCount | Should -Be 16, 4
    }

    It 'is trained on in folds, in a pipeline of one line' {
        $reports = $data | Split-ImageDataset -Fold 3 |
            ForEach-Object { $_ | Start-ModelTraining (New-ResNet20 $_.Classes) -Epochs 1 -BatchSize 32 }
        $reports.Count | Should -Be 3
    }

    It 'is seen in the terminal' {
        $shown = Invoke-Pwsh '(Get-Cifar10 -Synthetic -TrainCount 1 -TestCount 3).Test | Show-Image -Protocol HalfBlocks -Width 20'
        $shown[0].Split([char] 0x2580).Count | Should -Be 61
        $shown[10] | Should -Match '^disc +ring +square$'
    }
}

Describe 'A model for own pictures' {
    It 'is trained, also from the weights of another, and guesses files' {
        $tones = Get-ImageDataset 'TestDrive:/tones*'
        $null = $data | Start-ModelTraining $model @quick

        $fresh = New-ResNet20 $tones.Classes
        $tuned = $model | New-ResNet20 -Classes $tones.Classes
        foreach ($tone in $fresh, $tuned) { $null = $tones | Start-ModelTraining $tone -Epochs 8 -BatchSize 8 }

        foreach ($tone in $fresh, $tuned) {
            $predictions = Get-ChildItem -LiteralPath 'TestDrive:/tones [1]/white' | Invoke-Inference $tone
            $predictions.Class | Should -Be (@('white') * 10)
        }
        $tuned.TrainedEpochs | Should -Be 10
        $tuned.Preprocessing.Mean | Should -Be $model.Preprocessing.Mean
    }
}
